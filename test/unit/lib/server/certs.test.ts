// `berth-agent certs` on a state folder: what it shows, renews and issues, and what it refuses.
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type AgentConfig, servedOf, toConfig } from '../../../../agent/config.ts'
import { AGENT } from '../../../../agent/program.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { certs } from '../../../../lib/server/certs.ts'
import { ConfigError } from '../../../../lib/server/config-error.ts'
import { openServerAccess } from '../../../../lib/server/listen.ts'

let config: AgentConfig
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-certs-'))
  config = toConfig({ stateDir: folder, nodeName: 'node-1' })
  await openServerAccess(servedOf(config), systemClock)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const serverPem = () => readFileSync(join(folder, 'keys/server.pem'), 'utf8')

it('shows names, ends and fingerprints', async () => {
  const text = await certs(AGENT, servedOf(config), ['show'], {})
  expect(text).toMatch(/^server \(built-in authority\)\n {2}subject +CN=Berth\n {2}names .*DNS:node-1/)
  const ca = new X509Certificate(readFileSync(join(folder, 'keys/ca.crt')))
  expect(text).toContain(`built-in authority\n  subject      CN=Berth CA`)
  expect(text).toContain(ca.fingerprint256)
})

it('renews', async () => {
  const before = serverPem()
  expect(await certs(AGENT, servedOf(config), ['renew'], {})).toContain('renewed')
  expect(serverPem()).not.toBe(before)
  const own = { ...config, tls: { certFile: '/x.crt', keyFile: '/x.key' } }
  await expect(certs(AGENT, servedOf(own), ['renew'], {})).rejects.toThrow('put a new one into /x.crt')
})

it('issues a kubeconfig with a client certificate, for its owner’s eyes only', async () => {
  const out = join(folder, 'carl.kubeconfig')
  const told = await certs(AGENT, servedOf(config), ['issue'], { user: 'carl', group: ['a', 'b'], days: '2', out })
  expect(told).toContain('user carl, groups a, b, 2 days')
  expect(statSync(out).mode & 0o777).toBe(0o600)
  const { clusters, users } = parse(readFileSync(out, 'utf8'))
  expect(clusters[0].cluster.server).toBe('https://127.0.0.1:8750')
  const certificate = new X509Certificate(Buffer.from(users[0].user['client-certificate-data'], 'base64'))
  expect(certificate.subject.split('\n').sort()).toEqual(['CN=carl', 'O=a', 'O=b'])
  expect(Date.parse(certificate.validTo) - Date.now()).toBeLessThan(2 * 86_400_000 + 1_000)
  await expect(certs(AGENT, servedOf(config), ['issue'], { user: 'carl', out })).rejects.toThrow('is there already')
})

it.each([
  [[], {}, 'needs show, renew or issue'],
  [['show', 'more'], {}, 'unknown argument more'],
  [['show'], { user: 'x' }, '--user belongs to certs issue'],
  [['issue'], {}, 'needs --user'],
  [['issue'], { user: 'x', days: 'many' }, '--days'],
  [['issue'], { user: 'x', server: 'http://h' }, '--server'],
])('refuses %j %j', async (words, options, message) => {
  const error = await certs(AGENT, servedOf(config), words, options).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ConfigError)
  expect(String(error)).toContain(message)
})

it('says what is missing', async () => {
  const empty = { ...config, stateDir: join(folder, 'nowhere') }
  await expect(certs(AGENT, servedOf(empty), ['show'], {})).rejects.toThrow('missing')
  writeFileSync(join(folder, 'bad.crt'), 'x')
  const bad = { ...config, tls: { certFile: join(folder, 'bad.crt'), keyFile: join(folder, 'bad.crt') } }
  await expect(certs(AGENT, servedOf(bad), ['show'], {})).rejects.toThrow('holds no certificate')
})
