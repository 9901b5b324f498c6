// Access with every kubectl at hand: may I, who am I, roles and bindings, tokens and client certificates.
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { issueClient } from '../../../lib/apiserver/auth/certificates.ts'
import { kubeconfig } from '../../../lib/apiserver/auth/kubeconfig.ts'
import { bindRole, issueToken } from '../../support/access.ts'
import { startApiServer, type TestApiServer } from '../../support/api-server.ts'
import { Kubectl, kubectls } from './kubectl.ts'

const ROLES = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: disks}
rules:
- {apiGroups: [virtualization.deckhouse.io], resources: [virtualdisks], verbs: [get, list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: disks}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: disks}
subjects:
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: dora}
`

describe.each(kubectls().map((program) => [basename(program), program]))('%s', (_name, program) => {
  let server: TestApiServer
  let admin: Kubectl
  let viewer: Kubectl

  /** kubectl with a kubeconfig of its own; the administrator's has a token that would mix with other credentials. */
  async function kubectlAs(name: string, credentials: Parameters<typeof kubeconfig>[0]['credentials']) {
    const folder = join(server.folder, `as-${name}`)
    await mkdir(folder, { recursive: true })
    const path = join(folder, 'kubeconfig')
    const url = `https://127.0.0.1:${server.port}`
    await writeFile(path, kubeconfig({ server: url, ca: server.ca, user: name, credentials }), { mode: 0o600 })
    return new Kubectl(program, { ...server, folder, kubeconfig: path })
  }

  beforeAll(async () => {
    server = await startApiServer()
    const { resources } = server.server
    admin = new Kubectl(program, server)
    viewer = await kubectlAs('vera', { token: await issueToken(resources, 'vera', { groups: ['readers'] }) })
    await bindRole(resources, 'd8:use:role:viewer', 'vera', 'default')
  })
  afterAll(() => server.stop())

  it('can-i', async () => {
    expect(await admin.ok(['auth', 'can-i', '*', '*'])).toBe('yes')
    expect(await viewer.ok(['auth', 'can-i', 'list', 'virtualmachines'])).toBe('yes')
    expect(await viewer.ok(['auth', 'can-i', 'get', '/version'])).toBe('yes')
    for (const question of [
      ['create', 'virtualmachines'],
      ['get', 'secrets'],
      ['list', 'virtualmachines', '-A'],
      ['get', 'virtualmachines', '--subresource=status'],
      ['get', '/metrics'],
    ]) {
      const { code, out } = await viewer.run(['auth', 'can-i', ...question])
      expect([question, code, out]).toEqual([question, 1, expect.stringMatching(/^no/)])
    }
  })

  it('can-i --list', async () => {
    expect(await admin.ok(['auth', 'can-i', '--list'])).toMatch(/\*\.\*\s+\[\]\s+\[\]\s+\[\*\]/)
    const list = await viewer.ok(['auth', 'can-i', '--list'])
    expect(list).toMatch(/virtualmachines\.virtualization\.deckhouse\.io\s+\[\]\s+\[\]\s+\[get list watch\]/)
    expect(list).not.toContain('secrets')
  })

  it('whoami', async () => {
    const text = await viewer.ok(['auth', 'whoami', '-o', 'json'])
    expect(JSON.parse(text).status.userInfo).toMatchObject({
      username: 'vera',
      groups: ['readers', 'system:authenticated'],
    })
  })

  it('is refused in words', async () => {
    const { code, err } = await viewer.run(['get', 'secrets'])
    expect([code, err]).toEqual([
      1,
      expect.stringContaining('User "vera" cannot list resource "secrets" in API group "" in the namespace "default"'),
    ])
    expect((await viewer.run(['get', 'vm', '-A'])).err).toContain('at the cluster scope')
    expect((await viewer.run(['delete', 'vm', 'web'])).err).toContain('cannot delete resource')
    expect(await viewer.ok(['get', 'vm', '-o', 'name'])).toBe('')
  })

  it('applies roles and bindings, and they count at once', async () => {
    const dora = await kubectlAs('dora', { token: await issueToken(server.server.resources, 'dora') })
    expect((await dora.run(['get', 'vd'])).code).toBe(1)
    expect(await admin.ok(['apply', '-f', '-'], ROLES)).toContain('rolebinding.rbac.authorization.k8s.io/disks created')
    expect(await admin.ok(['apply', '-f', '-'], ROLES)).toContain('disks unchanged')
    expect(await dora.ok(['get', 'vd', '-o', 'name'])).toBe('')
    await admin.ok(['apply', '-f', '-'], ROLES.replace('virtualdisks', 'virtualimages'))
    expect((await dora.run(['get', 'vd'])).code).toBe(1)
    expect(await admin.ok(['get', 'rolebindings', '-o', 'wide'])).toMatch(/disks\s+.*dora/)
    expect(await admin.ok(['describe', 'role', 'disks'])).toContain('virtualimages')
    const changed = await admin.run(
      ['apply', '-f', '-'],
      ROLES.replace('kind: Role, name: disks', 'kind: Role, name: x'),
    )
    expect(changed.err).toContain('roleRef')
  })

  it('creates roles and bindings by its own verbs, and reads the default ones', async () => {
    await admin.ok(['create', 'role', 'r', '--verb=get', '--resource=virtualdisks.virtualization.deckhouse.io'])
    await admin.ok(['create', 'rolebinding', 'b', '--role=r', '--user=u', '--group=g'])
    await admin.ok(['create', 'clusterrolebinding', 'cb', '--clusterrole=d8:use:role:viewer', '--user=u'])
    const [first] = parse(await admin.ok(['get', 'rolebinding', 'b', '-o', 'yaml'])).subjects
    expect(first).toEqual({ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'u' })
    expect(await admin.ok(['get', 'clusterrole', 'd8:use:role:viewer', '-o', 'name'])).toContain('d8:use:role:viewer')
    await admin.ok(['delete', 'clusterrolebinding', 'cb'])
    expect((await viewer.run(['create', 'role', 'r2', '--verb=get', '--resource=virtualdisks'])).err).toContain(
      'cannot create resource "roles"',
    )
  })

  it('comes in with a client certificate: CN is the user, O the groups', async () => {
    const subject = { user: 'carl', groups: ['team-a', 'team-b'], days: 1 }
    const carl = await kubectlAs('carl', await issueClient(join(server.folder, 'keys'), subject))
    const { userInfo } = JSON.parse(await carl.ok(['auth', 'whoami', '-o', 'json'])).status
    expect([userInfo.username, userInfo.groups]).toEqual(['carl', ['team-a', 'team-b', 'system:authenticated']])
    expect((await carl.run(['get', 'vm'])).err).toContain('User "carl" cannot list')
    await bindRole(server.server.resources, 'd8:use:role:viewer', 'carl', 'default')
    expect(await carl.ok(['get', 'vm', '-o', 'name'])).toBe('')
  })

  it('lists and revokes tokens', async () => {
    const gone = await kubectlAs('gone', {
      token: await issueToken(server.server.resources, 'gone', { groups: ['system:masters'] }),
    })
    expect(await gone.ok(['get', 'accesstokens'])).toMatch(/gone\s+gone\s+system:masters/)
    await admin.ok(['delete', 'accesstoken', 'gone'])
    expect((await gone.run(['get', 'accesstokens'])).err).toMatch(/logged in|Unauthorized/)
  })
})
