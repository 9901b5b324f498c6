// Changes that wait for a restart: who restarts, what the guest gets, what a reboot means when the agent was away.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'changes')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

const setCores = (vm: string, cores: number) => space.patch('VirtualMachine', vm, { spec: { cpu: { cores } } })

const awaitsRestart = (status: 'True' | 'False') => (vm: VirtualMachine) =>
  condition(vm, 'AwaitingRestartToApplyConfiguration').status === status &&
  vm.status?.observedGeneration === vm.metadata.generation

/** What a reboot of the guest does to its QEMU now, by libvirt's word. */
const untilOnReboot = (vm: string, action: string) =>
  waitFor(`${vm}: on_reboot ${action}`, 20, async () =>
    (await space.host.virsh('dumpxml', space.domain(vm))).includes(`<on_reboot>${action}</on_reboot>`),
  )

describe.concurrent('on a running machine', () => {
  it('a reboot inside the guest applies them', async () => {
    await space.vm('grows')
    const console = await space.booted('grows')
    const pid = await space.qemuPid('grows')
    await setCores('grows', 2)
    const waiting = await space.until('VirtualMachine', 'grows', awaitsRestart('True'))
    expect(waiting.status?.restartAwaitingChanges).toEqual([
      { path: 'cpu.cores', operation: 'replace', currentValue: 1, desiredValue: 2 },
    ])
    expect(condition(waiting, 'AwaitingRestartToApplyConfiguration').message).toContain('cpu.cores')
    expect(condition(waiting, 'ConfigurationApplied')).toMatchObject({ status: 'False' })
    expect(waiting.status?.resources?.cpu?.cores).toBe(1)
    await untilOnReboot('grows', 'destroy')

    await setCores('grows', 1)
    await space.until('VirtualMachine', 'grows', awaitsRestart('False'))
    await untilOnReboot('grows', 'restart')
    await setCores('grows', 2)
    await untilOnReboot('grows', 'destroy')

    await console.type('reboot')
    expect(await console.ended).toMatchObject({ code: 1000 })
    await space.untilNewQemu('grows', pid)
    const after = await space.until('VirtualMachine', 'grows', awaitsRestart('False'))
    expect(after.status).toMatchObject({ restartAwaitingChanges: [], resources: { cpu: { cores: 2 } } })
    expect(condition(after, 'ConfigurationApplied')).toMatchObject({ status: 'True' })
    const next = await space.console('grows')
    expect((await next.see(/GUEST-READY .*boots=(\d+) cpus=(\d+)\s/)).slice(1)).toEqual(['2', '2'])
  })

  it('restartApprovalMode Automatic restarts by itself', async () => {
    await space.bareVm('automatic', { disruptions: { restartApprovalMode: 'Automatic' } })
    await space.untilPhase('automatic', 'Running')
    const pid = await space.qemuPid('automatic')
    await setCores('automatic', 2)
    await space.untilNewQemu('automatic', pid)
    const { status } = await space.until('VirtualMachine', 'automatic', awaitsRestart('False'))
    expect(status?.resources?.cpu?.cores).toBe(2)
  })

  it('labels, run policy and grace period differ in what they wait for', async () => {
    await space.bareVm('differs')
    await space.untilPhase('differs', 'Running')
    await space.patch('VirtualMachine', 'differs', {
      metadata: { labels: { a: 'b' } },
      spec: { runPolicy: 'AlwaysOn' },
    })
    await space.until('VirtualMachine', 'differs', awaitsRestart('False'))
    await space.patch('VirtualMachine', 'differs', { spec: { terminationGracePeriodSeconds: 2 } })
    const { status } = await space.until('VirtualMachine', 'differs', awaitsRestart('True'))
    expect(status?.restartAwaitingChanges?.map(({ path }) => path)).toEqual(['terminationGracePeriodSeconds'])
  })
})

it('what happened while the agent was away is told apart', async () => {
  await Promise.all(['reboots', 'leaves'].map((name) => space.vm(name, { terminationGracePeriodSeconds: 20 })))
  await space.bareVm('crashes')
  await space.bareVm('crashed', { runPolicy: 'Manual' })
  await space.untilPhase('crashed', 'Stopped')
  expect(await space.operate('crashed', 'Start')).toMatchObject({ phase: 'Completed' })
  const [reboots, leaves] = await Promise.all([space.booted('reboots'), space.booted('leaves')])
  await setCores('reboots', 2)
  await untilOnReboot('reboots', 'destroy')
  const names = ['reboots', 'leaves', 'crashes', 'crashed']
  const before = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await space.qemuPid(name)] as const)),
  )

  // The console goes through the agent: what the guests do in its absence is said before.
  await Promise.all([reboots.ask('(sleep 5; reboot) & true'), leaves.ask('(sleep 5; poweroff) & true')])
  await space.host.withoutAgent(async () => {
    await Promise.all(['crashes', 'crashed'].map((name) => space.killQemu(name)))
    await waitFor('the guests to be off', 60, async () => {
      const running = (await space.host.virsh('list', '--name')).split('\n')
      return names.every((name) => !running.includes(space.domain(name)))
    })
  })
  await Promise.all([reboots.ended, leaves.ended])

  expect(await space.untilNewQemu('reboots', before.reboots ?? 0)).toBeGreaterThan(0)
  const vm = await space.until('VirtualMachine', 'reboots', awaitsRestart('False'))
  expect(vm.status?.resources?.cpu?.cores).toBe(2)
  expect(condition(await space.untilPhase('leaves', 'Stopped'), 'Running').message).toContain('from inside the guest')
  expect(await space.untilNewQemu('crashes', before.crashes ?? 0)).toBeGreaterThan(0)
  expect(condition(await space.untilPhase('crashed', 'Stopped'), 'Running').message).toContain('ended unexpectedly')
})
