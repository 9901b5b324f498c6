// Access with every kubectl at hand: may I, who am I, roles and bindings, tokens and client certificates.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import { issueClient } from '../../../lib/apiserver/auth/certificates.ts'
import { kubeconfig } from '../../../lib/apiserver/auth/kubeconfig.ts'
import { bindRole, issueToken } from '../../support/access.ts'
import { Kubectl, withKubectls } from './kubectl.ts'
import { inFull, programs } from './programs.ts'

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

withKubectls(inFull(), (world) => {
  let viewer: Kubectl
  let vera: string

  /** Names of this version's own: the server is shared. */
  const own = (name: string) => `${name}-${world.kubectl.namespace}`

  /** kubectl with a kubeconfig of its own; the administrator's has a token that would mix with other credentials. */
  async function kubectlAs(name: string, credentials: Parameters<typeof kubeconfig>[0]['credentials']) {
    const { server, kubectl } = world
    const folder = join(server.folder, `as-${name}`)
    await mkdir(folder, { recursive: true })
    const path = join(folder, 'kubeconfig')
    const url = `https://127.0.0.1:${server.port}`
    await writeFile(path, kubeconfig({ server: url, ca: server.ca, user: name, credentials }), { mode: 0o600 })
    const program = programs().find(({ version }) => version === kubectl.version)
    if (program === undefined) throw new Error(`kubectl ${kubectl.version} is gone`)
    return new Kubectl(program, { ...server, folder, kubeconfig: path })
  }

  const resources = () => world.server.server.resources
  const withToken = async (name: string, groups: readonly string[] = []) =>
    await kubectlAs(name, { token: await issueToken(resources(), name, { groups }) })

  beforeAll(async () => {
    vera = own('vera')
    viewer = await withToken(vera, ['readers'])
    await bindRole(resources(), 'd8:use:role:viewer', vera, world.kubectl.namespace)
  })

  it('can-i', async () => {
    expect(await world.kubectl.ok(['auth', 'can-i', '*', '*'])).toBe('yes')
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
    expect(await world.kubectl.ok(['auth', 'can-i', '--list'])).toMatch(/\*\.\*\s+\[\]\s+\[\]\s+\[\*\]/)
    const list = await viewer.ok(['auth', 'can-i', '--list'])
    expect(list).toMatch(/virtualmachines\.virtualization\.deckhouse\.io\s+\[\]\s+\[\]\s+\[get list watch\]/)
    expect(list).not.toContain('secrets')
  })

  it('whoami', async () => {
    const text = await viewer.ok(['auth', 'whoami', '-o', 'json'])
    expect(JSON.parse(text).status.userInfo).toMatchObject({
      username: vera,
      groups: ['readers', 'system:authenticated'],
    })
  })

  it('is refused in words', async () => {
    const { code, err } = await viewer.run(['get', 'secrets'])
    expect([code, err]).toEqual([
      1,
      expect.stringContaining(
        `User "${vera}" cannot list resource "secrets" in API group "" in the namespace "${viewer.namespace}"`,
      ),
    ])
    expect((await viewer.run(['get', 'vm', '-A'])).err).toContain('at the cluster scope')
    expect((await viewer.run(['delete', 'vm', 'web'])).err).toContain('cannot delete resource')
    expect(await viewer.ok(['get', 'vm', '-o', 'name'])).toBe('')
  })

  it('applies roles and bindings, and they count at once', async () => {
    const dora = await withToken(own('dora'))
    const roles = ROLES.replace('name: dora', `name: ${own('dora')}`)
    expect((await dora.run(['get', 'vd'])).code).toBe(1)
    expect(await world.kubectl.ok(['apply', '-f', '-'], roles)).toContain(
      'rolebinding.rbac.authorization.k8s.io/disks created',
    )
    expect(await world.kubectl.ok(['apply', '-f', '-'], roles)).toContain('disks unchanged')
    expect(await dora.ok(['get', 'vd', '-o', 'name'])).toBe('')
    await world.kubectl.ok(['apply', '-f', '-'], roles.replace('virtualdisks', 'virtualimages'))
    expect((await dora.run(['get', 'vd'])).code).toBe(1)
    expect(await world.kubectl.ok(['get', 'rolebindings', '-o', 'wide'])).toMatch(/disks\s+.*dora/)
    expect(await world.kubectl.ok(['describe', 'role', 'disks'])).toContain('virtualimages')
    const changed = await world.kubectl.run(
      ['apply', '-f', '-'],
      ROLES.replace('kind: Role, name: disks', 'kind: Role, name: x'),
    )
    expect(changed.err).toContain('roleRef')
  })

  it('creates roles and bindings by its own verbs, and reads the default ones', async () => {
    await world.kubectl.ok(['create', 'role', 'r', '--verb=get', '--resource=virtualdisks.virtualization.deckhouse.io'])
    await world.kubectl.ok(['create', 'rolebinding', 'b', '--role=r', '--user=u', '--group=g'])
    await world.kubectl.ok(['create', 'clusterrolebinding', own('cb'), '--clusterrole=d8:use:role:viewer', '--user=u'])
    const [first] = parse(await world.kubectl.ok(['get', 'rolebinding', 'b', '-o', 'yaml'])).subjects
    expect(first).toEqual({ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'u' })
    expect(await world.kubectl.ok(['get', 'clusterrole', 'd8:use:role:viewer', '-o', 'name'])).toContain(
      'd8:use:role:viewer',
    )
    await world.kubectl.ok(['delete', 'clusterrolebinding', own('cb')])
    expect((await viewer.run(['create', 'role', 'r2', '--verb=get', '--resource=virtualdisks'])).err).toContain(
      'cannot create resource "roles"',
    )
  })

  it('comes in with a client certificate: CN is the user, O the groups', async () => {
    const subject = { user: own('carl'), groups: ['team-a', 'team-b'], days: 1 }
    const carl = await kubectlAs(own('carl'), await issueClient(join(world.server.folder, 'keys'), subject))
    const { userInfo } = JSON.parse(await carl.ok(['auth', 'whoami', '-o', 'json'])).status
    expect([userInfo.username, userInfo.groups]).toEqual([own('carl'), ['team-a', 'team-b', 'system:authenticated']])
    expect((await carl.run(['get', 'vm'])).err).toContain(`User "${own('carl')}" cannot list`)
    await bindRole(resources(), 'd8:use:role:viewer', own('carl'), carl.namespace)
    expect(await carl.ok(['get', 'vm', '-o', 'name'])).toBe('')
  })

  it('lists and revokes tokens', async () => {
    const gone = await withToken(own('gone'), ['system:masters'])
    expect(await gone.ok(['get', 'accesstokens'])).toMatch(/gone-\S+\s+gone-\S+\s+system:masters/)
    await world.kubectl.ok(['delete', 'accesstoken', own('gone')])
    expect((await gone.run(['get', 'accesstokens'])).err).toMatch(/logged in|Unauthorized/)
  })
})
