// Nobody gives what they have not got (Kubernetes, "Privilege escalation prevention"): a role's rules, a binding's role, a token's
// user and groups. The server itself (`caller` null) may.
import type { AccessToken } from '../../../schemas/access/token.ts'
import type { Binding, PolicyRule, Role } from '../../../schemas/rbac/shapes.ts'
import { RBAC_GROUP } from '../../../schemas/rbac/shapes.ts'
import { ApiError } from '../../errors.ts'
import type { Admission, AdmissionRequest } from '../core/core.ts'
import { deepEqual } from '../core/json.ts'
import { invalid } from '../core/refusals.ts'
import { ACCESS_TOKENS } from './access-state.ts'
import type { Authorizer } from './authorizer.ts'
import type { Caller } from './caller.ts'
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, type RbacIndex, ROLE_BINDINGS, ROLES } from './rbac-index.ts'
import { MAX_PIECES, missingRules, piecesOf } from './rules.ts'
import type { TokenIndex } from './tokens.ts'

export interface EscalationDeps {
  readonly authorizer: Authorizer
  readonly rbac: RbacIndex
  readonly tokens: TokenIndex
}

/** Rules shown in a refusal at most. */
const MAX_SHOWN = 10

export const noEscalation =
  (deps: EscalationDeps): Admission =>
  (request) => {
    if (request.operation === 'delete') return
    const { resource } = request.kind
    if (resource === ROLES || resource === CLUSTER_ROLES) checkRole(deps, request)
    else if (resource === ROLE_BINDINGS || resource === CLUSTER_ROLE_BINDINGS) checkBinding(deps, request)
    else if (resource === ACCESS_TOKENS) checkToken(deps, request)
  }

function checkRole(deps: EscalationDeps, { kind, object, old, caller }: AdmissionRequest): void {
  const rules = (object as Role).rules ?? []
  const { name } = object.metadata
  const count = rules.reduce((sum, rule) => sum + piecesOf(rule), 0)
  if (count > MAX_PIECES)
    throw invalid(kind, name, [
      {
        path: 'rules',
        reason: 'FieldValueTooLong',
        message: `verbs × groups × resources × names come to ${count}; at most ${MAX_PIECES} are taken`,
      },
    ])
  if (caller === null || (old !== null && deepEqual(rules, (old as Role).rules ?? []))) return
  const { namespace = '' } = object.metadata
  if (may(deps, caller, { verb: 'escalate', group: RBAC_GROUP, resource: kind.plural, namespace, name })) return
  requireHeld(deps, caller, { rules, namespace, what: `${kind.resource} "${name}"` })
}

function checkBinding(deps: EscalationDeps, { kind, object, old, caller }: AdmissionRequest): void {
  if (caller === null) return
  const { roleRef, subjects, metadata } = object as Binding
  const before = old as Binding | null
  if (before !== null && deepEqual(roleRef, before.roleRef) && deepEqual(subjects, before.subjects)) return
  const { namespace = '' } = metadata
  const plural = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles'
  if (may(deps, caller, { verb: 'bind', group: RBAC_GROUP, resource: plural, namespace, name: roleRef.name })) return
  const rules = deps.rbac.rulesOf(roleRef, namespace)
  if (rules === null)
    throw new ApiError('NotFound', `${plural}.${RBAC_GROUP} "${roleRef.name}" not found`, {
      group: RBAC_GROUP,
      kind: plural,
      name: roleRef.name,
    })
  requireHeld(deps, caller, { rules, namespace, what: `${kind.resource} "${metadata.name}"` })
}

/** A token speaks for its user and groups: whoever makes one needs the right to impersonate each of them. */
function checkToken({ authorizer, tokens }: EscalationDeps, { kind, object, old, caller }: AdmissionRequest): void {
  const { spec, metadata } = object as AccessToken
  const same = tokens.byHash(spec.sha256)
  if (old === null && same !== undefined && same.metadata.uid !== metadata.uid)
    throw invalid(kind, metadata.name, [
      { path: 'spec.sha256', reason: 'FieldValueDuplicate', message: 'another token has this hash already' },
    ])
  if (caller === null || old !== null) return
  for (const [resource, name] of [
    ['users', spec.user],
    ...(spec.groups ?? []).map((group) => ['groups', group] as const),
  ] as const)
    authorizer.require(caller, {
      verb: 'impersonate',
      resource: { group: '', version: 'v1', resource, subresource: '', namespace: '', name },
      path: '',
    })
}

interface Right {
  readonly verb: string
  readonly group: string
  readonly resource: string
  readonly namespace: string
  readonly name: string
}

const may = ({ authorizer }: EscalationDeps, caller: Caller, { verb, ...right }: Right): boolean =>
  authorizer.decide(caller, { verb, resource: { version: 'v1', subresource: '', ...right }, path: '' }).allowed

interface Wanted {
  readonly rules: readonly PolicyRule[]
  readonly namespace: string
  readonly what: string
}

function requireHeld({ authorizer }: EscalationDeps, caller: Caller, { rules, namespace, what }: Wanted): void {
  const missing = missingRules(authorizer.rulesOf(caller, namespace), rules)
  if (missing.length === 0) return
  const shown = missing.slice(0, MAX_SHOWN).map((rule) => JSON.stringify(rule).slice(0, 500))
  const more = missing.length > MAX_SHOWN ? `\nand ${missing.length - MAX_SHOWN} more` : ''
  throw new ApiError(
    'Forbidden',
    `${what} is forbidden: user "${caller.user}" is attempting to grant RBAC permissions not currently held:\n${shown.join('\n')}${more}`,
  )
}
