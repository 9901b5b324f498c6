// The host is restarted: machines come back by run policy, the most important first, so many at a time. The restart is simulated by the
// lab: its processes and what they keep in /run are gone and the boot id is another one; the kernel is the machine's and goes on.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'restarts')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

/** When the agent called the start, ms since the epoch; Berth's own part of the status. */
const startOf = ({ status }: VirtualMachine): number =>
  (status as { readonly berth?: { readonly times?: { readonly start?: number } } } | undefined)?.berth?.times?.start ??
  0

it('a restarted host starts its machines by run policy, in order, one after the other', async () => {
  const order = ['first', 'second', 'third']
  for (const name of order) await space.bareVm(name)
  await space.bareVm('manual', { runPolicy: 'Manual' })
  await space.untilPhase('manual', 'Stopped')
  expect(await space.operate('manual', 'Start')).toMatchObject({ phase: 'Completed' })
  await space.bareVm('stopped')
  for (const name of [...order, 'manual', 'stopped']) await space.untilPhase(name, 'Running')
  await space.operate('stopped', 'Stop', true)
  const old = await Promise.all(order.map((name) => space.qemuPid(name)))
  const priorities = { first: '10', third: '-10' }
  for (const [name, value] of Object.entries(priorities))
    await space.patch('VirtualMachine', name, { metadata: { annotations: { 'berth/start-priority': value } } })
  await expect(
    space.patch('VirtualMachine', 'second', { metadata: { annotations: { 'berth/start-priority': 'high' } } }),
  ).rejects.toThrow('whole number')

  const oneByOne = 'start: {parallel: 1, settleSeconds: 3}\nimporter:'
  const comesBack = async () => {
    const waits = await space.until('VirtualMachine', 'third', (vm) =>
      condition(vm, 'Running').message.startsWith('waits for its turn'),
    )
    expect(condition(waits, 'Running')).toMatchObject({ status: 'False', reason: 'PodNotStarted' })
    for (const [index, name] of order.entries()) await space.untilNewQemu(name, old[index] ?? 0)
  }
  try {
    await space.host.withConfig(/^importer:/m, oneByOne, comesBack, () => space.host.reboot())
  } finally {
    await space.host.forgetReboot()
  }
  const starts = await Promise.all(order.map(async (name) => startOf(await space.get('VirtualMachine', name))))
  // Each waits for its turn, which the one before it keeps for 3 s.
  const [first = 0, second = 0, third = 0] = starts
  expect(second - first).toBeGreaterThanOrEqual(3_000)
  expect(third - second).toBeGreaterThanOrEqual(3_000)
  expect(condition(await space.untilPhase('manual', 'Stopped'), 'Running').message).toContain('the host was restarted')
  expect((await space.get('VirtualMachine', 'stopped')).status?.phase).toBe('Stopped')
  const events = (await Promise.all(order.map((name) => space.events('VirtualMachine', name)))).flat()
  expect(events.filter(({ reason }) => reason === 'HostRestarted')).toHaveLength(3)
  expect(events.filter(({ reason }) => reason === 'Crashed')).toEqual([])
})
