// `berth login` and `berth token`: against a real server over TLS, with a home of its own.

import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { scratch } from '../../support/scratch.ts'
import { type Bench, startBench } from './harness.ts'

let bench: Bench
let server: string
let ca: string
beforeAll(async () => {
  bench = await startBench({ tls: true })
  await bench.server.keepDefaultRoles()
  const { cluster } = parse(readFileSync(bench.kubeconfig, 'utf8')).clusters[0]
  server = cluster.server
  ca = Buffer.from(cluster['certificate-authority-data'], 'base64').toString('utf8')
})
afterAll(() => bench.stop())

/** A token made over the unix socket, by its options. */
async function made(...args: string[]): Promise<string> {
  const ran = await bench.berth(['token', 'create', ...args])
  expect([ran.code, ran.err]).toEqual([0, expect.stringContaining('created')])
  expect(ran.err).not.toContain(ran.out.trim())
  return ran.out.trim()
}

const home = () => {
  const folder = scratch()
  return { env: { HOME: folder, BERTH_SOCKET: '' }, file: join(folder, '.config/berth/kubeconfig') }
}
const fingerprint = () => new X509Certificate(ca).fingerprint256

describe('login', () => {
  it('tries the token, keeps it for our eyes only, and is used from then on', async () => {
    const { env, file } = home()
    const token = await made('vera', '--role', 'viewer')
    const args = ['login', '--server', `${server}/`, '--ca-fingerprint', fingerprint(), '--token', '-']
    const ran = await bench.berth(args, { env, stdin: `${token}\n` })
    expect(ran).toMatchObject({ code: 0, out: expect.stringContaining(`logged in to ${server} as vera`) })
    expect(ran.out + ran.err).not.toContain(token)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect((await bench.berth(['get', 'vm'], { env })).code).toBe(0)
    expect((await bench.berth(['get', 'secrets'], { env })).err).toContain('User "vera" cannot list resource "secrets"')
  })

  it('merges with what is there', async () => {
    const { env } = home()
    const file = join(scratch(), 'config')
    const other = { name: 'prod', cluster: { server: 'https://other:1' } }
    writeFileSync(file, JSON.stringify({ clusters: [other], users: [], contexts: [], 'current-context': 'prod' }))
    const token = await made('tim', '--group', 'system:masters')
    const args = ['login', '--server', server, '--ca-fingerprint', fingerprint(), '--kubeconfig', file]
    for (let i = 0; i < 2; i++) expect((await bench.berth(args, { env, stdin: token })).code).toBe(0)
    const config = parse(readFileSync(file, 'utf8'))
    expect(config.clusters.map(({ name }: { name: string }) => name)).toEqual(['prod', new URL(server).host])
    expect(config['current-context']).toBe(new URL(server).host)
    expect((await bench.berth(['get', 'vm', '--kubeconfig', file], { env })).code).toBe(0)
  })

  it('asks about an authority that nobody knows, and believes no other', async () => {
    const { env } = home()
    const args = ['login', '--server', server]
    const unasked = await bench.berth(args, { env, stdin: 'x' })
    expect([unasked.code, unasked.err]).toEqual([2, expect.stringContaining(fingerprint())])
    const no = await bench.berth(args, { env, tty: true, stdin: 'n\n' })
    expect([no.code, no.err]).toEqual([1, expect.stringContaining('not logged in')])
    const wrong = await bench.berth([...args, '--ca-fingerprint', 'AA:BB'], { env, stdin: 'x' })
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('not the one that you gave')])
  })

  it.each([
    [['--server', 'http://x'], 'https URL'],
    [['--server', 'https://x:1', '--token', 'secret'], 'seen by everybody'],
  ])('refuses %j', async (args, words) => {
    const ran = await bench.berth(['login', ...args], { env: home().env })
    expect([ran.code, ran.err]).toEqual([2, expect.stringContaining(words)])
  })

  it('keeps nothing that does not work', async () => {
    const { env } = home()
    const args = ['login', '--server', server, '--ca-fingerprint', fingerprint()]
    const ran = await bench.berth(args, { env, stdin: 'wrong-token' })
    expect([ran.code, ran.err]).toEqual([1, expect.stringContaining('the token is not valid')])
    expect(ran.err).not.toContain('wrong-token')
    expect((await bench.berth(['get', 'vm', '--context', 'x'], { env })).code).toBe(2)
  })
})

describe('token', () => {
  it('is listed without itself, and revoked by name and by user', async () => {
    const token = await made('max', '--group', 'a', 'b', '--expires', '90d')
    const list = await bench.berth(['token', 'list'])
    expect(list.out).toMatch(/max-\S+\s+max\s+a/)
    expect(list.out).not.toContain(token)
    const name = /max-\S+/.exec(list.out)?.[0] ?? ''
    expect((await bench.berth(['token', 'revoke', name])).out).toContain(`${name} revoked`)
    await made('max')
    await made('max')
    expect((await bench.berth(['token', 'revoke', '--user', 'max'])).out.trim().split('\n')).toHaveLength(2)
    expect((await bench.berth(['token', 'revoke', '--user', 'max'])).err).toContain('has no token')
    expect((await bench.berth(['token', 'revoke'])).code).toBe(2)
  })

  it('binds a role in a namespace, or everywhere', async () => {
    await made('ed', '--role', 'editor', '-n', 'other')
    await made('ann', '--role', 'admin', '--cluster')
    const { resources } = bench.server
    const RBAC = 'rbac.authorization.k8s.io'
    expect(
      await resources.get(`rolebindings.${RBAC}`, { namespace: 'other', name: 'ed:d8:use:role:manager' }),
    ).toMatchObject({ subjects: [{ kind: 'User', name: 'ed' }] })
    for (const role of ['d8:use:role:admin', 'd8:manage:virtualization:manager'])
      expect(await resources.get(`clusterrolebindings.${RBAC}`, { namespace: '', name: `ann:${role}` })).toMatchObject({
        roleRef: { name: role },
      })
    expect((await bench.berth(['token', 'create', 'x', '--cluster'])).code).toBe(2)
    expect((await bench.berth(['token', 'create', 'x', '--expires', 'soon'])).code).toBe(2)
  })
})
