// A libvirtd that is there and does not answer: nobody waits for it but those who need it, and nothing is done twice when it goes on.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'

/** How long it hangs after everything has said so; a minute is longer than the heartbeat's patience. */
const HANGS_MS = process.env.BERTH_LONG === undefined ? 0 : 60_000
/** Far below the deadline of any call to libvirt, and above what a busy machine makes of a read. */
const READ_MS = 5_000

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'hangs')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

async function slowestRead(count: number): Promise<number> {
  let slowest = 0
  for (let i = 0; i < count; i++) {
    const begun = performance.now()
    await space.get('VirtualMachine', 'runs')
    slowest = Math.max(slowest, performance.now() - begun)
  }
  return slowest
}

it('a hung libvirtd: reads go on, Node and machines say it, and what was asked meanwhile is done once', async () => {
  await space.bareVm('runs')
  await space.bareVm('stops')
  for (const name of ['runs', 'stops']) await space.untilPhase(name, 'Running')
  const pid = await space.qemuPid('runs')
  let stop = ''
  await space.host.whileLibvirtdFrozen(async () => {
    // More work than there are workers: each of them waits for libvirt.
    for (let i = 0; i < 20; i++) await space.bareVm(`late-${i}`, { runPolicy: i === 0 ? 'AlwaysOn' : 'Manual' })
    stop = (await space.operation('stops', 'Stop', true)).metadata.name
    expect(await slowestRead(100)).toBeLessThan(READ_MS)
    expect(await space.untilNode('LibvirtReady', 'False')).toMatchObject({ reason: 'LibvirtHangs' })
    await space.untilNode('Ready', 'False')
    const unknown = await space.until('VirtualMachine', 'runs', (vm) => condition(vm, 'Running').status === 'Unknown')
    expect(condition(unknown, 'Running').reason).toBe('LibvirtHangs')
    expect(unknown.status?.phase).toBe('Running')
    await sleep(HANGS_MS)
    expect(await slowestRead(100)).toBeLessThan(READ_MS)
  })
  for (const type of ['LibvirtReady', 'Ready']) await space.untilNode(type, 'True')
  await space.until('VirtualMachine', 'runs', (vm) => condition(vm, 'Running').status === 'True')
  expect(await space.qemuPid('runs')).toBe(pid)
  await space.untilPhase('late-0', 'Running')
  expect(await space.operationEnd(stop)).toMatchObject({ phase: 'Completed' })
  const processes = await space.host.exec('ps', 'axww', '-o', 'args')
  for (const name of ['runs', 'late-0'])
    expect(processes.split('\n').filter((line) => line.includes(`guest=${space.domain(name)},`))).toHaveLength(1)

  const events = await space.events('Node', space.host.name)
  for (const reason of ['LibvirtHangs', 'LibvirtBack'])
    expect(events.filter((event) => event.reason === reason).length, reason).toBeGreaterThan(0)
  // The same trouble counts up one event: a lab that other tests used before may have had one.
  expect(events.filter(({ reason }) => reason === 'LibvirtHangs')).toHaveLength(1)
})

it('a QEMU that does not answer holds nobody up, is told, and goes on or is ended', async () => {
  const names = ['goes-on', 'is-ended', 'beside']
  for (const name of names) await space.bareVm(name)
  for (const name of names) await space.untilPhase(name, 'Running')
  const [goesOn = 0, isEnded = 0, beside = 0] = await Promise.all(names.map((name) => space.qemuPid(name)))
  for (const pid of [goesOn, isEnded]) await space.host.signal('STOP', pid)
  for (const name of ['goes-on', 'is-ended']) {
    const silent = await space.until('VirtualMachine', name, (vm) => condition(vm, 'Running').status === 'Unknown')
    expect(condition(silent, 'Running').reason).toBe('QemuNotAnswering')
    expect(silent.status?.phase).toBe('Running')
  }
  expect(await slowestRead(50)).toBeLessThan(READ_MS)
  await space.bareVm('newcomer')
  await space.untilPhase('newcomer', 'Running')
  expect(await space.operate('beside', 'Restart', true)).toMatchObject({ phase: 'Completed' })
  await space.untilNewQemu('beside', beside)

  // libvirt gives the stopped process some seconds before it kills it.
  const restart = space.operate('is-ended', 'Restart', true)
  await space.host.signal('CONT', goesOn)
  await space.until('VirtualMachine', 'goes-on', (vm) => condition(vm, 'Running').status === 'True')
  expect(await space.qemuPid('goes-on')).toBe(goesOn)
  expect(await restart).toMatchObject({ phase: 'Completed' })
  await space.untilNewQemu('is-ended', isEnded)
  await space.until('VirtualMachine', 'is-ended', (vm) => condition(vm, 'Running').status === 'True')
})
