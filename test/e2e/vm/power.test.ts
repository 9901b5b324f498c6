// What the four run policies make of a guest's own acts and of a QEMU that dies.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'
import { staysSo } from '../../support/wait.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'power')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

/** Reboots the guest from inside and waits for its next banner. Its QEMU must be the same afterwards. */
async function rebootFromInside(vm: string): Promise<void> {
  const console = await space.booted(vm)
  const pid = await space.qemuPid(vm)
  await console.type('reboot')
  await console.see(/GUEST-READY .*boots=2/)
  console.close()
  expect(await space.qemuPid(vm)).toBe(pid)
  expect((await space.get('VirtualMachine', vm)).status?.phase).toBe('Running')
}

async function powerOffFromInside(vm: string): Promise<void> {
  const console = await space.booted(vm)
  await console.type('poweroff')
  expect((await console.ended).code).toBe(1000)
}

const stoppedBecause = async (vm: string) => condition(await space.untilPhase(vm, 'Stopped'), 'Running').message

it.concurrent('AlwaysOn: a reboot stays in its QEMU, a power-off and a dead QEMU start anew', async () => {
  await space.vm('always', { runPolicy: 'AlwaysOn' })
  await rebootFromInside('always')
  const first = await space.qemuPid('always')
  await powerOffFromInside('always')
  const second = await space.untilNewQemu('always', first)
  await space.killQemu('always')
  await space.untilNewQemu('always', second)
})

it.concurrent('AlwaysOnUnlessStoppedManually: a power-off stays off until a Start, a dead QEMU starts anew', async () => {
  await space.vm('unless', { runPolicy: 'AlwaysOnUnlessStoppedManually' })
  await rebootFromInside('unless')
  await powerOffFromInside('unless')
  expect(await stoppedBecause('unless')).toContain('from inside the guest')
  await staysSo('off', 1, async () => (await space.qemuPid('unless')) === 0)
  expect(await space.operate('unless', 'Start')).toMatchObject({ phase: 'Completed' })
  const pid = await space.untilNewQemu('unless', 0)
  await space.killQemu('unless')
  await space.untilNewQemu('unless', pid)
})

it.concurrent('Manual: never starts by itself, goes through a reboot, stays off after power-off and crash', async () => {
  await space.vm('manual', { runPolicy: 'Manual' })
  await space.untilPhase('manual', 'Stopped')
  await staysSo('off', 1, async () => (await space.qemuPid('manual')) === 0)
  expect(await space.operate('manual', 'Start')).toMatchObject({ phase: 'Completed' })
  await rebootFromInside('manual')
  await powerOffFromInside('manual')
  expect(await stoppedBecause('manual')).toContain('from inside the guest')
  expect(await space.operate('manual', 'Start')).toMatchObject({ phase: 'Completed' })
  await space.killQemu('manual')
  expect(await stoppedBecause('manual')).toContain('QEMU ended unexpectedly')
  await staysSo('off', 1, async () => (await space.qemuPid('manual')) === 0)
})

it.concurrent('AlwaysOff: off at once, no start; AlwaysOnUnlessStoppedManually after it starts', async () => {
  await space.bareVm('off', { runPolicy: 'AlwaysOff' })
  expect(await stoppedBecause('off')).toContain('AlwaysOff')
  for (const type of ['Start', 'Stop', 'Restart'] as const)
    expect(await space.operate('off', type)).toMatchObject({
      phase: 'Failed',
      reason: 'NotApplicableForVirtualMachineRunPolicy',
      message: expect.stringContaining('AlwaysOff'),
    })
  await space.patch('VirtualMachine', 'off', { spec: { runPolicy: 'AlwaysOnUnlessStoppedManually' } })
  await space.untilPhase('off', 'Running')
  await space.operate('off', 'Stop', true)
  await space.untilPhase('off', 'Stopped')
  await space.patch('VirtualMachine', 'off', { spec: { runPolicy: 'AlwaysOff' } })
  // A policy that nobody looked at has no effect.
  await space.until('VirtualMachine', 'off', (vm) => vm.status?.observedGeneration === vm.metadata.generation)
  await space.patch('VirtualMachine', 'off', { spec: { runPolicy: 'AlwaysOnUnlessStoppedManually' } })
  await space.untilPhase('off', 'Running')
})
