// `berth token`: names for people and programs. The token is made here; the server gets its hash, and nobody can look it up later.
import { createHash, randomBytes } from 'node:crypto'
import { printedName } from '../../lib/client/paths.ts'
import { ApiError, messageOf } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import type { AccessToken } from '../../schemas/index.ts'
import { parseDuration } from '../duration.ts'
import { note, print } from '../io.ts'
import type { Session } from '../session.ts'
import { UsageError } from '../usage.ts'
import { get } from './get.ts'

const TOKENS = 'accesstokens.access.berth'
const RBAC = 'rbac.authorization.k8s.io'

/** The roles that `--role` knows, by their ClusterRoles; with `--cluster` the second one comes along. */
export const ROLES = {
  viewer: ['d8:use:role:viewer', 'd8:manage:virtualization:viewer'],
  user: ['d8:use:role:user', 'd8:manage:virtualization:viewer'],
  editor: ['d8:use:role:manager', 'd8:manage:virtualization:manager'],
  admin: ['d8:use:role:admin', 'd8:manage:virtualization:manager'],
  /** For Prometheus: nothing but `/metrics`. */
  metrics: ['berth:metrics'],
} as const

export interface CreateOptions {
  readonly group?: readonly string[]
  readonly role?: keyof typeof ROLES
  readonly cluster?: boolean
  readonly expires?: string
}

/** Prints the token alone on the standard output; everything else goes to the other one. */
export async function createToken(session: Session, options: CreateOptions, user: string): Promise<void> {
  const { client, io, namespace } = session
  if (options.cluster && options.role === undefined) throw new UsageError('--cluster needs --role')
  if (options.role === 'metrics' && !options.cluster)
    throw new UsageError('the role metrics is about no namespace: add --cluster')
  const expires = options.expires === undefined ? null : expiry(options.expires, io.clock.now())
  const token = randomBytes(32).toString('base64url')
  const catalog = await client.catalog(io.signal)
  const resource = catalog.resolve(TOKENS)
  const made = await client.objects.create<AccessToken>(
    resource,
    {
      apiVersion: 'access.berth/v1',
      kind: 'AccessToken',
      metadata: { generateName: `${plain(user)}-` },
      spec: {
        user,
        groups: options.group ?? [],
        sha256: createHash('sha256').update(token).digest('hex'),
        ...(expires === null ? {} : { expirationTimestamp: expires }),
      },
    } as { apiVersion: string; kind: string; metadata: { generateName: string } },
    { signal: io.signal },
  )
  try {
    if (options.role !== undefined) await bind(session, user, options.role, options.cluster === true)
  } catch (error) {
    // A token without the role that it was made for would only puzzle its owner.
    await client.objects
      .delete(resource, { namespace: '', name: made.metadata.name })
      .catch((undo: unknown) => note(io, `and ${made.metadata.name} could not be deleted: ${messageOf(undo)}`))
    throw error
  }
  const where = options.cluster ? 'everywhere' : `in namespace ${namespace}`
  note(
    io,
    `${printedName(resource, made.metadata.name)} created: user ${user}${options.role === undefined ? '' : `, ${options.role} ${where}`}, ${expires === null ? 'does not expire' : `expires ${expires}`}. The token is shown only now:`,
  )
  print(io, token)
}

async function bind(session: Session, user: string, role: keyof typeof ROLES, cluster: boolean): Promise<void> {
  const { client, io, namespace } = session
  const catalog = await client.catalog(io.signal)
  const kind = cluster ? 'ClusterRoleBinding' : 'RoleBinding'
  const resource = catalog.resolve(`${kind.toLowerCase()}s.${RBAC}`)
  for (const name of cluster ? ROLES[role] : ROLES[role].slice(0, 1)) {
    const draft = {
      apiVersion: `${RBAC}/v1`,
      kind,
      metadata: { name: `${user}:${name}`, ...(cluster ? {} : { namespace }) },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
      subjects: [{ kind: 'User', apiGroup: RBAC, name: user }],
    }
    try {
      const bound = await client.objects.create<KubeObject>(resource, draft, { signal: io.signal })
      note(io, `${printedName(resource, bound.metadata.name)} created`)
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'AlreadyExists')) throw error
    }
  }
}

export async function listTokens(session: Session): Promise<void> {
  await get(session, { headers: true }, [TOKENS])
}

/** By the names of tokens, or with `--user` every token of a user. */
export async function revokeTokens(
  { client, io }: Session,
  options: { readonly user?: string },
  names: readonly string[],
): Promise<void> {
  if ((options.user === undefined) === (names.length === 0))
    throw new UsageError('give names of tokens, or --user NAME')
  const resource = (await client.catalog(io.signal)).resolve(TOKENS)
  const found =
    options.user === undefined
      ? names
      : (await client.objects.list<AccessToken>(resource, {}, { signal: io.signal })).items
          .filter(({ spec }) => spec.user === options.user)
          .map(({ metadata }) => metadata.name)
  if (found.length === 0) throw new Error(`user ${options.user} has no token`)
  for (const name of found) {
    await client.objects.delete(resource, { namespace: '', name }, { signal: io.signal })
    print(io, `${printedName(resource, name)} revoked`)
  }
}

/** `24h`, `90d`, as RFC 3339. @throws UsageError */
function expiry(text: string, now: number): string {
  const days = /^([1-9]\d{0,3})d$/.exec(text)?.[1]
  const ms = days === undefined ? parseDuration(text) : Number(days) * 86_400_000
  return new Date(now + ms).toISOString().replace(/\.\d+Z$/, 'Z')
}

/** The beginning of an object's name. */
const plain = (user: string): string =>
  user
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 50) || 'token'
