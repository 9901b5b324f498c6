// `berth start|stop|restart`: what is asked of the server, and how its answer reads.
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KubeObject } from '../../../lib/object.ts'
import { eventually } from '../../support/eventually.ts'
import { type Bench, startBench, VM } from './harness.ts'

const VMS = 'virtualmachines.virtualization.deckhouse.io'
const VMOPS = 'virtualmachineoperations.virtualization.deckhouse.io'
let bench: Bench

beforeAll(async () => {
  bench = await startBench()
  const vm = VM('web')
  await bench.server.resources.create(VMS, { ...vm, metadata: { name: 'web', namespace: 'default' } })
})
afterAll(() => bench.stop())

/** Plays the controller: finds the one operation of that type and gives it these statuses, one after the other. */
async function play(type: string, statuses: readonly object[]): Promise<KubeObject> {
  const found = await eventually(async () => {
    const { out } = await bench.berth(['get', 'vmop', '-o', 'json'])
    const items: KubeObject[] = JSON.parse(out).items
    const item = items.find(({ spec, status }) => (spec as { type: string }).type === type && status === undefined)
    if (item === undefined) throw new Error('no such operation yet')
    return item
  })
  const target = { namespace: 'default', name: found.metadata.name, uid: found.metadata.uid }
  for (const status of statuses) await bench.server.resources.modifyStatus(VMOPS, target, () => status)
  return found
}

const completed = (status: string, reason: string, message: string) => ({
  conditions: [
    { type: 'Completed', status, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z', observedGeneration: 1 },
  ],
})

it('is content once the operation has begun', async () => {
  const [ran, made] = await Promise.all([
    bench.berth(['stop', 'web', '--force']),
    play('Stop', [{ phase: 'InProgress' }]),
  ])
  expect(ran.code).toBe(0)
  expect(ran.out).toBe(
    `virtualmachineoperation.virtualization.deckhouse.io/${made.metadata.name} created\nStop of web: InProgress\n`,
  )
  expect(made.metadata.name).toMatch(/^web-stop-[a-z0-9]{5}$/)
  expect(made.spec).toMatchObject({ type: 'Stop', virtualMachineName: 'web', force: true })
})

it('one that has begun and is held up says by what', async () => {
  const heldUp = completed('False', 'TargetUnschedulable', '0/3 nodes: 2 not asked for, 1 where it is now')
  const [ran] = await Promise.all([
    bench.berth(['migrate', 'vm', 'web']),
    play('Migrate', [{ phase: 'InProgress', ...heldUp }]),
  ])
  expect(ran.code).toBe(0)
  expect(ran.out).toMatch(
    /Migrate of web: InProgress: 0\/3 nodes: 2 not asked for, 1 where it is now \(TargetUnschedulable\)\n$/,
  )
})

it('--wait waits for the end', async () => {
  const going = bench.begin(['restart', 'web', '--wait'])
  await play('Restart', [{ phase: 'InProgress' }])
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(going.out()).not.toContain('Restart of web')
  const { out } = await bench.berth(['get', 'vmop', '-o', 'json'])
  const item = (JSON.parse(out).items as KubeObject[]).find(({ spec }) => (spec as { type: string }).type === 'Restart')
  const target = { namespace: 'default', name: item?.metadata.name ?? '', uid: item?.metadata.uid ?? '' }
  await bench.server.resources.modifyStatus(VMOPS, target, () => ({ phase: 'Completed' }))
  expect((await going.ended).out).toMatch(/Restart of web: Completed\n$/)
})

it('a refusal is told in the words of its condition', async () => {
  const refusal = completed('False', 'NotApplicableForVirtualMachineRunPolicy', 'the run policy is AlwaysOff')
  const [ran] = await Promise.all([bench.berth(['start', 'web']), play('Start', [{ phase: 'Failed', ...refusal }])])
  expect(ran.code).toBe(1)
  expect(ran.err).toBe(
    'error: Start of web: Failed: the run policy is AlwaysOff (NotApplicableForVirtualMachineRunPolicy)\n',
  )
})

it('a machine that is not there is told at once, and no operation is made', async () => {
  const { code, err, out } = await bench.berth(['start', 'none'])
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toContain('"none" not found')
})

it('time that runs out is an error that says where it stands', async () => {
  const { code, err } = await bench.berth(['stop', 'web', '--timeout', '300ms'])
  expect(code).toBe(1)
  expect(err).toMatch(/is Pending after 0\.3 s and goes on\n$/)
})

it('says what an operation waits for while it waits, once', async () => {
  const going = bench.begin(['restart', 'web'])
  const made = await play('Restart', [
    { phase: 'Pending', ...completed('False', 'NotReadyToBeExecuted', 'waits for h2: it has not renewed its lease') },
  ])
  const told = 'Pending: waits for h2: it has not renewed its lease (NotReadyToBeExecuted)\n'
  await expect.poll(() => going.err(), { timeout: 10_000 }).toBe(told)
  const target = { namespace: 'default', name: made.metadata.name, uid: made.metadata.uid }
  await bench.server.resources.modifyStatus(VMOPS, target, () => ({ phase: 'InProgress' }))
  expect(await going.ended).toMatchObject({ code: 0, err: told })
}, 15_000)
