// The cluster's authority: what it signs, what it refuses, and when the scheduler gets a new certificate.
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeRequest } from '../../../../lib/apiserver/auth/openssl.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { CERTIFICATE_DAYS, ClusterAuthority, RENEW_MS } from '../../../../scheduler/membership/authority.ts'

let folder: string
let authority: ClusterAuthority
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'berth-authority-'))
  authority = await ClusterAuthority.open(folder, systemClock)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const subject = { node: 'h1', addresses: ['10.0.0.1', 'fd00::1'] }

it('signs a host’s key under the host’s names and no other', async () => {
  const { key, csr } = await makeRequest(folder)
  const certificate = new X509Certificate(await authority.signNode(csr, subject))
  expect(certificate.subject.split('\n').sort()).toEqual(['CN=system:node:h1', 'O=system:nodes'])
  expect(certificate.subjectAltName).toBe(
    'DNS:h1.node.cluster.berth, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1',
  )
  expect(certificate.verify(new X509Certificate(authority.ca).publicKey)).toBe(true)
  expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true)
  expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  expect(certificate.ca).toBe(false)
  const days = (Date.parse(certificate.validTo) - Date.now()) / 86_400_000
  expect(Math.round(days)).toBe(CERTIFICATE_DAYS)
})

it('signs for QEMU another name, which no API takes', async () => {
  const { csr } = await makeRequest(folder)
  const certificate = new X509Certificate(await authority.signQemu(csr, subject))
  expect(certificate.subject.split('\n').sort()).toEqual(['CN=system:qemu:h1', 'O=system:qemus'])
})

it('gives each certificate a serial number of its own', async () => {
  const { csr } = await makeRequest(folder)
  const [one, two] = await Promise.all([authority.signNode(csr, subject), authority.signNode(csr, subject)])
  expect(new X509Certificate(one).serialNumber).not.toBe(new X509Certificate(two).serialNumber)
})

it.each([
  ['no request', 'hello'],
  ['nothing', ''],
])('refuses %s', async (_title, csr) => {
  await expect(authority.signNode(csr, subject)).rejects.toThrow('openssl x509 failed')
})

it('refuses a request that was changed', async () => {
  const { csr } = await makeRequest(folder)
  const lines = csr.split('\n')
  const bytes = Buffer.from(lines.slice(1, -2).join(''), 'base64')
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
  const forged = `${lines[0]}\n${bytes.toString('base64').replaceAll(/(.{64})/g, '$1\n')}\n${lines.at(-2)}\n`
  await expect(authority.signNode(forged, subject)).rejects.toThrow('openssl x509 failed')
})

it('stays the same, keeps its keys to itself, and is itself a client and a server', async () => {
  const again = await ClusterAuthority.open(folder, systemClock)
  expect(again.ca).toBe(authority.ca)
  expect(again.credentials).toEqual(authority.credentials)
  expect(again.hash).toMatch(/^sha256:[0-9a-f]{64}$/)
  const own = new X509Certificate(again.credentials.cert)
  expect(own.subject.split('\n').sort()).toEqual(['CN=system:scheduler', 'O=system:schedulers'])
  expect(own.subjectAltName).toBe('DNS:scheduler.cluster.berth')
  for (const name of ['ca.pem', 'scheduler.pem'])
    expect(statSync(join(folder, 'cluster', name)).mode & 0o777).toBe(0o600)
})

it('renews the scheduler’s certificate before its end and tells of it', async () => {
  const before = authority.credentials.cert
  let heard = 0
  const end = authority.onChange(() => heard++)
  expect(await authority.look()).toBe(false)
  const late = Date.parse(new X509Certificate(before).validTo) - RENEW_MS + 1_000
  const later = await ClusterAuthority.open(folder, { ...systemClock, now: () => late })
  expect(later.credentials.cert).not.toBe(before)
  expect(heard).toBe(0)
  end()
})

it('says what to do when its key is damaged', async () => {
  const path = join(folder, 'cluster/ca.pem')
  const good = readFileSync(path)
  writeFileSync(path, 'x')
  await expect(ClusterAuthority.open(folder, systemClock)).rejects.toThrow(/ca\.pem is damaged: restore it/)
  writeFileSync(path, good)
})
