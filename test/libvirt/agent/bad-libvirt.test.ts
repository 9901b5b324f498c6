// A whole agent on a real libvirtd behind a proxy that makes faults (a fake, see libvirt-proxy.ts): slow, answering errors, losing answers.
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { Client } from '../../../lib/client/client.ts'
import { socketTarget } from '../../../lib/client/target.ts'
import { LibvirtPool } from '../../../lib/libvirt/index.ts'
import type { ProcedureName } from '../../../lib/libvirt/protocol.ts'
import type { LabHost } from '../../support/lab-host.ts'
import { LibvirtProxy } from '../../support/libvirt-proxy.ts'
import { seed } from '../../support/seed.ts'
import { condition, Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'
import { type FuzzAgent, startFuzzAgent } from './fuzz/agent.ts'

const FAULTY = [
  'ConnectGetLibVersion',
  'DomainGetState',
  'DomainGetXMLDesc',
  'DomainDefineXMLFlags',
  'DomainCreateWithFlags',
  'DomainDestroyFlags',
  'DomainUndefineFlags',
] as const satisfies readonly ProcedureName[]
const INTERNAL_ERROR = 1
const SEED = seed()

let agent: FuzzAgent
let proxy: LibvirtProxy
let direct: LibvirtPool
let space: Space

beforeAll(async () => {
  agent = await startFuzzAgent(async (libvirtd, folder) => {
    direct = new LibvirtPool({ socketPath: libvirtd.socketPath, uri: 'qemu:///system' })
    await direct.connect()
    const path = join(folder, 'proxy.sock')
    proxy = await LibvirtProxy.listen(libvirtd.socketPath, path, FAULTY)
    return path
  })
  const client = new Client(socketTarget(agent.socketPath), 'berth-test/1')
  // Of a host these tests use the API alone.
  space = new Space({ name: 'h1', client } as unknown as LabHost, 'default')
  await space.untilNode('Ready', 'True')
}, 120_000)
afterEach(() => {
  proxy.plan = () => null
})
afterAll(async () => {
  await space?.host.client.close()
  await agent?.stop()
  await proxy?.close()
  await direct?.close()
})

const nodeSays = (type: string, reason: string) =>
  waitFor(`Node: ${type} ${reason}`, 60, async () => {
    const seen = await space.untilNode(type, 'True').catch(() => null)
    return seen?.reason === reason
  })

/** Domains that run, by libvirt's own word. */
async function runningDomains(): Promise<readonly string[]> {
  const { domains } = await direct.call('ConnectListAllDomains', { needResults: 1, flags: 1 })
  return domains.map(({ name }) => name).sort()
}

it('a slow libvirt is told and worked with', async () => {
  proxy.plan = (name) => (name === 'ConnectGetLibVersion' ? { kind: 'delay', ms: 1_500 } : null)
  await nodeSays('LibvirtReady', 'LibvirtSlow')
  expect(await space.untilNode('Ready', 'True')).toMatchObject({ status: 'True' })
  await space.bareVm('slow')
  await space.untilPhase('slow', 'Running')
  proxy.plan = () => null
  await nodeSays('LibvirtReady', 'LibvirtAnswers')
  const events = await space.events('Node', 'h1')
  expect(events.filter(({ reason }) => reason === 'LibvirtSlow').map(({ count }) => count)).toEqual([1])
})

it('errors instead of a machine’s state are told, once, and gone with their cause', async () => {
  await space.bareVm('refused')
  await space.untilPhase('refused', 'Running')
  proxy.plan = (name) =>
    name === 'DomainGetState' ? { kind: 'error', code: INTERNAL_ERROR, message: 'no idea' } : null
  // Any change of the spec makes the agent look.
  await space.patch('VirtualMachine', 'refused', { spec: { runPolicy: 'AlwaysOn' } })
  const unknown = await space.until('VirtualMachine', 'refused', (vm) => condition(vm, 'Running').status === 'Unknown')
  expect(condition(unknown, 'Running')).toMatchObject({
    reason: 'LibvirtRefuses',
    message: 'libvirt does not say how it is: no idea',
  })
  proxy.plan = () => null
  await space.until('VirtualMachine', 'refused', (vm) => condition(vm, 'Running').status === 'True', 60)
  const events = await space.events('VirtualMachine', 'refused')
  expect(events.filter(({ reason }) => reason === 'LibvirtRefuses').map(({ count }) => count)).toEqual([1])
})

it('a start whose answer is lost with the connection happens once', async () => {
  let lose = true
  proxy.passed.clear()
  proxy.plan = (name) => {
    if (name !== 'DomainCreateWithFlags' || !lose) return null
    lose = false
    return { kind: 'lose' }
  }
  await space.bareVm('lost')
  await space.untilPhase('lost', 'Running', 60)
  expect(lose).toBe(false)
  expect(proxy.passed.get('DomainCreateWithFlags')).toBe(1)
  expect(await runningDomains()).toContain('default.lost')
})

it(`every fifth call fails, by chance: everything still comes to be what was asked for (BERTH_SEED=${SEED})`, async () => {
  const chance = randoms(SEED)
  proxy.plan = () => {
    const number = chance()
    if (number < 0.15) return { kind: 'error', code: INTERNAL_ERROR, message: 'by chance' }
    return number < 0.2 ? { kind: 'lose' } : null
  }
  const names = ['any-0', 'any-1', 'any-2']
  for (const name of names) await space.bareVm(name)
  for (const name of names) await space.untilPhase(name, 'Running')
  await space.delete('VirtualMachine', 'any-0')
  const restart = await space.operate('any-1', 'Restart', true)
  expect(restart.phase).toBe('Completed')
  await space.untilGone('VirtualMachine', 'any-0')
  proxy.plan = () => null
  await space.until('VirtualMachine', 'any-1', (vm) => condition(vm, 'Running').status === 'True')
  const mine = (await runningDomains()).filter((name) => name.startsWith('default.any-'))
  expect(mine).toEqual(['default.any-1', 'default.any-2'])
})

/** The same numbers from 0 to 1 for the same seed (mulberry32). */
function randoms(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
