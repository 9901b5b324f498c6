// What each default role may do, for every kind and verb, over TLS: exactly what the table below says, which does not look at the
// roles' own definition. A kind that is new is a workload when it has a namespace and a dictionary when it has none.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KINDS } from '../../../schemas/index.ts'
import type { KindDef } from '../../../schemas/kind.ts'
import { bindRole, issueToken, TlsClient } from '../../support/access.ts'
import { startApiServer, type TestApiServer } from '../../support/api-server.ts'
import { collection, reports, root, streamPaths, streams } from './paths.ts'

const READ = ['get', 'list', 'watch'] as const
const WRITE = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const
const ALL = [...READ, ...WRITE]
type Verb = (typeof ALL)[number]

type Place = 'workload' | 'operation' | 'event' | 'secret' | 'rbac' | 'dictionary' | 'node' | 'namespace' | 'credential'

/** Not by the program's own rule: by name, and the rest by scope. */
const PLACES: Readonly<Record<string, Place>> = {
  secrets: 'secret',
  events: 'event',
  nodes: 'node',
  namespaces: 'namespace',
  'virtualmachineoperations.virtualization.deckhouse.io': 'operation',
  'roles.rbac.authorization.k8s.io': 'rbac',
  'rolebindings.rbac.authorization.k8s.io': 'rbac',
  'clusterroles.rbac.authorization.k8s.io': 'credential',
  'clusterrolebindings.rbac.authorization.k8s.io': 'credential',
  'accesstokens.access.berth': 'credential',
}
const placeOf = (kind: KindDef): Place => PLACES[kind.resource] ?? (kind.namespaced ? 'workload' : 'dictionary')

type Rights = Readonly<Partial<Record<Place, readonly Verb[]>>>

/** With no role at all: classes and images for all, which one must be able to name. */
const EVERYBODY: Rights = { dictionary: READ }
const VIEWER: Rights = { ...EVERYBODY, workload: READ, operation: READ, event: READ, namespace: READ }
const USER: Rights = { ...VIEWER, secret: READ, rbac: READ, operation: ALL }
const EDITOR: Rights = { ...USER, workload: ALL, secret: ALL }
const ADMIN: Rights = { ...EDITOR, rbac: ALL }

interface Case {
  readonly user: string
  /** Roles bound in the namespace `default`. */
  readonly inside?: string
  /** Roles bound everywhere. */
  readonly everywhere?: readonly string[]
  /** In the namespace `default`; elsewhere only what {@link everywhere} gives. */
  readonly rights: Rights
  readonly streams: boolean
}

const CLUSTER_VIEWER: Rights = { dictionary: READ, node: READ, namespace: READ }
const CLUSTER_MANAGER: Rights = { dictionary: ALL, node: ALL, namespace: ALL }
const use = (name: string) => `d8:use:role:${name}`

const CASES: readonly Case[] = [
  { user: 'nobody', rights: EVERYBODY, streams: false },
  { user: 'viewer', inside: use('viewer'), rights: VIEWER, streams: false },
  { user: 'user', inside: use('user'), rights: USER, streams: true },
  { user: 'editor', inside: use('manager'), rights: EDITOR, streams: true },
  { user: 'admin-of-team', inside: use('admin'), rights: ADMIN, streams: true },
  { user: 'viewer-of-all', everywhere: [use('viewer')], rights: VIEWER, streams: false },
  { user: 'user-of-all', everywhere: [use('user')], rights: USER, streams: true },
  { user: 'editor-of-all', everywhere: [use('manager')], rights: EDITOR, streams: true },
  { user: 'admin-of-all', everywhere: [use('admin')], rights: ADMIN, streams: true },
  {
    user: 'watcher',
    everywhere: ['d8:manage:virtualization:viewer'],
    rights: { ...EVERYBODY, ...CLUSTER_VIEWER },
    streams: false,
  },
  {
    user: 'operator',
    everywhere: ['d8:manage:virtualization:manager'],
    rights: { ...EVERYBODY, ...CLUSTER_MANAGER },
    streams: false,
  },
]

/** A request of that verb which changes nothing, whoever sends it. */
function requestOf(verb: Verb, kind: KindDef, version: string, namespace: string): readonly [string, string, unknown?] {
  const all = collection(kind, version, namespace)
  // A namespace is in itself: the one that is asked about is that of the request.
  const one = `${all}/${kind.resource === 'namespaces' ? namespace : 'x'}`
  switch (verb) {
    case 'get':
      return ['GET', one]
    case 'list':
      return ['GET', all]
    case 'watch':
      return ['GET', `${all}?watch=true&timeoutSeconds=1&resourceVersion=99999999`]
    case 'create':
      return ['POST', `${all}?dryRun=All`, {}]
    case 'update':
      return ['PUT', `${one}?dryRun=All`, {}]
    case 'patch':
      return ['PATCH', `${one}?dryRun=All`, {}]
    case 'delete':
      return ['DELETE', `${one}?dryRun=All`]
    case 'deletecollection':
      return ['DELETE', `${all}?dryRun=All&labelSelector=no%3Dsuch`]
  }
}

let server: TestApiServer
const tokens = new Map<string, string>()

beforeAll(async () => {
  server = await startApiServer({ connect: streams, reports })
  const { resources } = server.server
  await resources.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } })
  for (const { user, inside, everywhere = [] } of CASES) {
    tokens.set(user, await issueToken(resources, user))
    if (inside !== undefined) await bindRole(resources, inside, user, 'default')
    for (const role of everywhere) await bindRole(resources, role, user)
  }
})
afterAll(() => server.stop())

describe.each(CASES)('$user', ({ user, inside, rights, streams: mayStream }) => {
  let client: TlsClient
  beforeAll(() => {
    client = new TlsClient(server, { token: tokens.get(user) ?? '' })
  })
  afterAll(() => client.close())

  /** What a RoleBinding cannot give: cluster-scoped things, and all of a kind across namespaces. */
  function expected(verb: Verb, kind: KindDef, namespace: string): boolean {
    const place = placeOf(kind)
    const bound = rights[place]?.includes(verb) ?? false
    if (inside === undefined) return bound
    if (place === 'dictionary') return EVERYBODY.dictionary?.includes(verb) ?? false
    if (namespace !== 'default') return false
    // Of namespaces, the one in which the role is bound can be seen; a list is of all.
    if (place === 'namespace') return bound && verb === 'get'
    return bound && kind.namespaced
  }

  const forbidden = (code: number, text: string) => code === 403 && JSON.parse(text).reason === 'Forbidden'

  it.each(['default', 'other'])('in namespace %s may do what the table says and nothing else', async (namespace) => {
    const wrong: string[] = []
    for (const kind of KINDS)
      for (const verb of ALL) {
        const version = kind.versions[0]?.name ?? ''
        const [method, path, body] = requestOf(verb, kind, version, namespace)
        const { code, text } = await client.ask(method, path, body)
        const may = !forbidden(code, text)
        if (may !== expected(verb, kind, namespace) || code === 401 || code >= 500)
          wrong.push(`${verb} ${kind.plural}: ${code} ${text.slice(0, 200)}`)
      }
    expect(wrong).toEqual([])
  })

  it('lists across namespaces only with a role for all', async () => {
    for (const kind of KINDS.filter(({ namespaced }) => namespaced)) {
      const { code } = await client.ask('GET', `${root(kind.group, kind.versions[0]?.name ?? '')}/${kind.plural}`)
      const may = inside === undefined && (rights[placeOf(kind)]?.includes('list') ?? false)
      expect(code, kind.plural).toBe(may ? 200 : 403)
    }
  })

  it('never writes a status', async () => {
    for (const kind of KINDS.filter(({ hasStatus }) => hasStatus)) {
      const path = `${collection(kind, kind.versions[0]?.name ?? '')}/x/status`
      for (const method of ['PUT', 'PATCH']) expect((await client.ask(method, path, {})).code, path).toBe(403)
    }
  })

  it(`${mayStream ? 'reaches' : 'does not reach'} streams`, async () => {
    for (const path of streamPaths) {
      const own = await client.connect(path)
      expect(own.code, path).toBe(mayStream ? 101 : 403)
      own.socket.terminate()
      const elsewhere = await client.connect(path.replace('/default/', '/other/'))
      expect(elsewhere.code, path).toBe(mayStream && inside === undefined ? 101 : 403)
      elsewhere.socket.terminate()
    }
  })

  it('reads what every client asks first, and what it may itself', async () => {
    for (const path of ['/', '/api', '/apis', '/api/v1', '/version', '/openapi/v3', '/readyz', '/healthz'])
      expect((await client.ask('GET', path)).code, path).toBe(200)
    const self = await client.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})
    expect([self.code, JSON.parse(self.text).status.userInfo.username]).toEqual([201, user])
    const others = '/apis/authorization.k8s.io/v1/subjectaccessreviews'
    expect((await client.ask('POST', others, { spec: { user: 'x' } })).code).toBe(403)
    expect((await client.ask('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {})).code).toBe(403)
  })

  it('sees the host only where that is its role', async () => {
    const path = `/apis/subresources.virtualization.deckhouse.io/v1alpha2/hostcheck`
    expect((await client.ask('GET', path)).code).toBe(rights.node === undefined ? 403 : 200)
  })

  it('does not see what others did', async () => {
    const path = `/apis/subresources.virtualization.deckhouse.io/v1alpha2/audit`
    expect((await client.ask('GET', path)).code).toBe(403)
  })
})
