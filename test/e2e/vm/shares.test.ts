// Guaranteed CPU time and what a host has to give: weights in the guest's cgroup, waits in words when it is not enough.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { KubeObject } from '../../../lib/object.ts'
import { domainCgroup } from '../../support/domain-cgroup.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'shares')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

/** Until the machine waits with these words. */
const waitsFor = (vm: string, words: RegExp) =>
  space.until(
    'VirtualMachine',
    vm,
    (object) => object.status?.phase === 'Pending' && words.test(condition(object, 'Running').message),
  )

it('coreFraction is a weight of the whole machine, without a quota', async () => {
  await Promise.all([
    space.bareVm('whole', { cpu: { cores: 2 } }),
    space.bareVm('quarter', { cpu: { cores: 2, coreFraction: '25%' } }),
  ])
  for (const name of ['whole', 'quarter']) await space.untilPhase(name, 'Running')
  const whole = await domainCgroup(space.host, await space.qemuPid('whole'))
  const quarter = await domainCgroup(space.host, await space.qemuPid('quarter'))
  expect(whole).toEqual({ weight: whole.version === 'v1' ? 2048 : 80, quota: null, version: whole.version })
  expect(quarter).toEqual({ ...whole, weight: whole.weight / 4 })
  expect((await space.get('VirtualMachine', 'quarter')).status?.resources?.cpu).toMatchObject({
    cores: 2,
    coreFraction: '25%',
    requestedCores: '500m',
  })
  for (const name of ['whole', 'quarter']) await space.operate(name, 'Stop', true)
})

it('what does not fit on the host waits, says what it needs and what is free, and starts once there is room', async () => {
  await space.bareVm('vast', { memory: { size: '1Ti' } })
  await waitsFor('vast', /^needs 10\d{5} MiB of memory, \d+ MiB of \d+ MiB are free$/)
  await space.patch('VirtualMachine', 'vast', { spec: { runPolicy: 'AlwaysOff' } })

  const node = await space.get<KubeObject & { status: { capacity: { cpu: string } } }>('Node', 'h1')
  const cores = Number(node.status.capacity.cpu)
  const limit = Math.min(cores, 16)
  await space.host.withConfig(/cpuOvercommit: \d+/, `cpuOvercommit: ${limit / cores}`, async () => {
    await space.bareVm('first', { cpu: { cores: 1 } })
    await space.untilPhase('first', 'Running')
    await space.bareVm('second', { cpu: { cores: limit } })
    await waitsFor('second', new RegExp(`^needs ${limit} cores, ${limit - 1} of ${limit} are free$`))
    // Half a core fits beside it.
    await space.bareVm('third', { cpu: { cores: 1, coreFraction: '50%' } })
    await space.untilPhase('third', 'Running')
    for (const name of ['first', 'third']) await space.operate(name, 'Stop', true)
    await space.untilPhase('second', 'Running')
    await space.operate('second', 'Stop', true)
  })
})

it('a host without a cpu controller cannot guarantee a part of a core, and says so', async () => {
  const kind = await space.host.exec('stat', '-f', '-c', '%T', '/sys/fs/cgroup')
  const mount = kind === 'cgroup2fs' ? '/sys/fs/cgroup' : '/sys/fs/cgroup/cpu'
  // What cannot be written serves nobody: the nearest thing to a kernel without the controller.
  const remount = (how: 'ro' | 'rw') => space.host.exec('mount', '-o', `remount,bind,${how}`, mount)
  await remount('ro')
  try {
    await space.host.restartAgent()
    await space.bareVm('part', { cpu: { cores: 1, coreFraction: '50%' } })
    await waitsFor('part', /coreFraction 50% cannot be guaranteed: this host has no cpu cgroup controller/)
  } finally {
    await remount('rw')
    await space.host.restartAgent()
  }
  await space.untilPhase('part', 'Running')
})
