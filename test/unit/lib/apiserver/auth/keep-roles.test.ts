// Default roles: made once, brought up to date, left alone where an operator says so; and a place for every kind.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { accessClassOf, defaultRoles, ROLE_NAMES } from '../../../../../lib/apiserver/auth/default-roles.ts'
import { AUTOUPDATE, keepDefaultRoles } from '../../../../../lib/apiserver/auth/keep-roles.ts'
import { type Binding, type ClusterRole, KINDS } from '../../../../../schemas/index.ts'
import { startServer, type TestServer } from '../server.ts'

const ROLES = 'clusterroles.rbac.authorization.k8s.io'
const BINDINGS = 'clusterrolebindings.rbac.authorization.k8s.io'
const input = {
  kinds: KINDS,
  streams: [{ group: 's', resource: 'virtualmachines/console' }],
  ofNodes: [{ group: 'c', resource: 'imagecontents/content' }],
  askedByNodes: [{ group: 'c', resource: 'leaserenewals' }],
  askedByJoiners: [{ group: 'c', resource: 'joins' }],
  askedByViewers: [{ group: 'c', resource: 'placementexplanations' }],
  askedOfInfrastructure: [{ group: 'c', resource: 'drainpreviews' }],
  reports: [],
}

let api: TestServer
beforeEach(async () => {
  api = await startServer({ kinds: KINDS })
})
afterEach(() => api.stop())

const role = (name: string) => api.server.resources.get<ClusterRole>(ROLES, { namespace: '', name })

it('lets who may read machines, or the infrastructure, ask what is answered about them, and nobody below', () => {
  const roles = defaultRoles(input)
  const asks = (resource: string) =>
    [...roles].flatMap(([name, rules]) =>
      rules.some(({ resources, verbs }) => resources?.includes(resource) && verbs.includes('create')) ? [name] : [],
    )
  const { viewer, user, editor, admin, clusterViewer, clusterManager } = ROLE_NAMES
  expect(asks('placementexplanations')).toEqual([viewer, user, editor, admin])
  expect(asks('drainpreviews')).toEqual([clusterViewer, clusterManager])
})

it('makes all, and a second start writes nothing', async () => {
  await keepDefaultRoles(api.server.resources, input)
  for (const [name, rules] of defaultRoles(input)) expect((await role(name))?.rules).toEqual(rules)
  const before = api.store.revision()
  await keepDefaultRoles(api.server.resources, input)
  expect(api.store.revision()).toBe(before)
})

it('mends what was changed or deleted, keeps added subjects, and leaves alone what says so', async () => {
  const { resources } = api.server
  await keepDefaultRoles(resources, input)
  const { viewer, user, discovery } = ROLE_NAMES
  const change = (name: string, autoupdate: string) =>
    resources.modify<ClusterRole>(ROLES, { namespace: '', name }, (have) => ({
      ...have,
      metadata: { ...have.metadata, annotations: { [AUTOUPDATE]: autoupdate } },
      rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
    }))
  await change(viewer, 'true')
  await change(user, 'false')
  await resources.delete(ROLES, { namespace: '', name: discovery })
  const extra = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'x' } as const
  await resources.modify<Binding>(BINDINGS, { namespace: '', name: discovery }, (have) => ({
    ...have,
    subjects: [extra],
  }))
  await keepDefaultRoles(resources, input)
  expect((await role(viewer))?.rules).toEqual(defaultRoles(input).get(viewer))
  expect((await role(user))?.rules).toEqual([{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }])
  expect(await role(discovery)).not.toBeNull()
  const binding = await resources.get<Binding>(BINDINGS, { namespace: '', name: discovery })
  expect(binding?.subjects).toEqual([extra, { ...extra, kind: 'Group', name: 'system:authenticated' }])
})

it("no role but cluster-admin and a scheduler's names everything, so that a new kind comes in by decision", () => {
  for (const [name, rules] of defaultRoles(input))
    if (name !== ROLE_NAMES.clusterAdmin && name !== ROLE_NAMES.scheduler)
      for (const { verbs, apiGroups = [], resources = [] } of rules)
        expect([...verbs, ...apiGroups, ...resources], name).not.toContain('*')
})

it('whatever has secret fields is a secret', () => {
  for (const kind of KINDS.filter(({ secretFields }) => (secretFields ?? []).length > 0))
    expect(accessClassOf(kind)).toBe('secret')
})
