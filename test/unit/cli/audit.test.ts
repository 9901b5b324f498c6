// The audit log of a real API server, as `berth audit` shows it.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { AuditEvent } from '../../../lib/apiserver/audit/event.ts'
import { scratch } from '../../support/scratch.ts'
import { type Bench, greeter, startBench, VM } from './harness.ts'

let bench: Bench
beforeAll(async () => {
  bench = await startBench({ tls: true, audit: true, connect: [greeter] })
})
afterAll(() => bench.stop())

const berth = async (args: readonly string[], stdin = '') => await bench.berth(args, { stdin })

async function events(...args: readonly string[]): Promise<readonly AuditEvent[]> {
  const { code, out, err } = await berth(['audit', '-o', 'json', ...args])
  expect([code, err]).toEqual([0, err])
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

const secret = (name: object) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: name, stringData: { password: 'very-secret-word' } })

it('says who changed what, from where, how it ended and how long it took', async () => {
  await berth(['apply', '-f', '-'], JSON.stringify(VM('web')))
  const [event] = await events('--name', 'web')
  expect(event).toMatchObject({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    stage: 'ResponseComplete',
    verb: 'create',
    user: { username: 'unix', groups: expect.arrayContaining(['system:masters']) },
    sourceIPs: ['unix'],
    objectRef: {
      resource: 'virtualmachines',
      namespace: 'default',
      name: 'web',
      apiGroup: 'virtualization.deckhouse.io',
      apiVersion: 'v1alpha2',
    },
    responseStatus: { code: 201 },
  })
  expect(event?.userAgent).toMatch(/^berth\//)
  expect(event?.auditID).toMatch(/^[0-9a-f-]{36}$/)
  expect(Number(event?.annotations['berth/duration-seconds'])).toBeGreaterThan(0)
})

it('names what the server named, and never holds a secret', async () => {
  await berth(['create', '-f', '-'], secret({ generateName: 'pass-' }))
  const [made] = await events('--resource', 'secrets', '--verb', 'create')
  expect(made?.objectRef?.name).toMatch(/^pass-/)
  await berth(['get', 'secret', made?.objectRef?.name ?? ''])
  expect(await events('--resource', 'secrets', '--verb', 'get')).toHaveLength(1)
  expect(readFileSync(bench.auditPath, 'utf8')).not.toMatch(/very-secret-word|dmVyeS1zZWNyZXQtd29yZA/)
})

it('leaves ordinary reads out, and keeps what is refused', async () => {
  await berth(['get', 'vm'])
  await berth(['apply', '-f', '-'], JSON.stringify(VM('bad', { cpu: { cores: 0 } })))
  expect(await events('--resource', 'virtualmachines', '--verb', 'list')).toEqual([])
  expect((await events('--failed')).map(({ verb, responseStatus }) => [verb, responseStatus.code])).toContainEqual([
    'create',
    422,
  ])
})

it('has strangers too, without their token', async () => {
  const path = join(scratch(), 'kubeconfig')
  writeFileSync(path, readFileSync(bench.kubeconfig, 'utf8').replace(/token: .*/, 'token: wrong-token'))
  await berth(['get', 'vm', '--kubeconfig', path])
  const [stranger] = await events('--user', 'system:anonymous')
  expect(stranger).toMatchObject({ responseStatus: { code: 401 }, sourceIPs: [expect.stringContaining('127.0.0.1')] })
  const log = readFileSync(bench.auditPath, 'utf8')
  expect(log).not.toContain('wrong-token')
  const token = /token: (.*)/.exec(readFileSync(bench.kubeconfig, 'utf8'))?.[1] ?? 'none'
  expect(log).not.toContain(token)
})

it('has the start and the end of a stream', async () => {
  expect((await berth(['console', 'web', '--kubeconfig', bench.kubeconfig])).out).toBe('hello admin')
  const stages = (await events('--resource', 'virtualmachines/console', '--user', 'admin'))
    .filter(({ responseStatus }) => responseStatus.code === 101)
    .map(({ stage, auditID }) => [stage, auditID])
  expect(stages.map(([stage]) => stage)).toEqual(['ResponseStarted', 'ResponseComplete'])
  expect(new Set(stages.map(([, id]) => id)).size).toBe(1)
})

it('is a table for people, and says when there is nothing', async () => {
  const { out } = await berth(['audit', '--name', 'web', '--verb', 'create'])
  const [head = '', row = ''] = out.split('\n')
  expect(head).toMatch(/^TIME +USER +FROM +VERB +OBJECT +CODE +TOOK$/)
  expect(row).toMatch(/^\d{4}-\S+Z +unix +unix +create +virtualmachines default\/web +201 +\d+\.\d{3}s$/)
  const none = await berth(['audit', '--user', 'nobody'])
  expect([none.code, none.out, none.err]).toEqual([0, '', 'the audit log has nothing of the kind\n'])
})

it('takes times back and moments, and refuses others', async () => {
  expect((await events('--since', '1h')).length).toBeGreaterThan(0)
  expect((await events('--since', '7d')).length).toBeGreaterThan(0)
  expect(await events('--since', '2999-01-01T00:00:00Z')).toEqual([])
  expect((await berth(['audit', '--since', 'tuesday'])).code).toBe(2)
  expect((await berth(['audit', '--limit', '0'])).code).toBe(2)
})

it('refuses parameters that it does not know', async () => {
  const answer = await bench.server.app.inject({
    url: '/apis/subresources.virtualization.deckhouse.io/v1alpha2/audit?usr=x',
  })
  expect(answer.statusCode).toBe(400)
  expect(answer.json().message).toContain('no parameter usr')
})
