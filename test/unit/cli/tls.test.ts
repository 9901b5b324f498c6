// `berth --kubeconfig`: TLS with the server's own authority and token, for requests and for streams.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { scratch } from '../../support/scratch.ts'
import { type Bench, greeter, startBench, VM } from './harness.ts'

let bench: Bench
beforeAll(async () => {
  bench = await startBench({ tls: true, connect: [greeter] })
})
afterAll(() => bench.stop())

/** The server's kubeconfig with something else in it. */
function changed(from: RegExp, to: string): string {
  const path = join(scratch(), 'kubeconfig')
  writeFileSync(path, readFileSync(bench.kubeconfig, 'utf8').replace(from, to))
  return path
}

it('works as over the socket', async () => {
  const applied = await bench.berth(['apply', '-f', '-', '--kubeconfig', bench.kubeconfig], {
    stdin: JSON.stringify(VM('web')),
  })
  expect(applied.code).toBe(0)
  const env = { BERTH_KUBECONFIG: bench.kubeconfig, BERTH_SOCKET: '/nonexistent' }
  expect((await bench.berth(['get', 'vm', '-o', 'name'], { env })).out).toBe(
    'virtualmachine.virtualization.deckhouse.io/web\n',
  )
})

it('KUBECONFIG counts when Berth wrote it, and only then', async () => {
  const env = { KUBECONFIG: bench.kubeconfig, BERTH_SOCKET: '', HOME: scratch() }
  expect((await bench.berth(['get', 'vm', '-o', 'name'], { env })).out).toBe(
    'virtualmachine.virtualization.deckhouse.io/web\n',
  )
  const foreign = { ...env, KUBECONFIG: changed(/cluster: berth/, 'cluster: production') }
  expect((await bench.berth(['get', 'vm'], { env: foreign })).err).toContain('/run/berth/agent.sock')
})

it('streams come over TLS with the token', async () => {
  const ran = await bench.berth(['console', 'web', '--kubeconfig', bench.kubeconfig])
  expect(ran).toMatchObject({ code: 0, out: 'hello admin' })
})

it('a wrong token is refused, and never shown', async () => {
  const path = changed(/token: .*/, 'token: wrong-token')
  for (const verb of [
    ['get', 'vm'],
    ['console', 'web', '--force'],
  ]) {
    const { code, err } = await bench.berth([...verb, '--kubeconfig', path])
    expect(code).toBe(1)
    expect(err).toMatch(/^error: the token is not valid.*\n.*token or certificate/)
    expect(err).not.toContain('wrong-token')
  }
})

it('a server that another authority signed is not believed', async () => {
  const other = await startBench({ tls: true })
  const authority = /certificate-authority-data: (\S+)/.exec(readFileSync(other.kubeconfig, 'utf8'))?.[1] ?? ''
  await other.stop()
  const path = changed(/certificate-authority-data: .*/, `certificate-authority-data: ${authority}`)
  for (const verb of [
    ['get', 'vm'],
    ['console', 'web', '--force'],
  ]) {
    const { code, err } = await bench.berth([...verb, '--kubeconfig', path])
    expect(code).toBe(1)
    expect(err).toContain('no connection to https://127.0.0.1:')
    expect(err).toContain('certificate')
  }
})
