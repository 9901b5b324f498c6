// Operations on running and stopped guests: outcomes, refusals with DVP's reasons, which of two wins, patience with guests.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { VirtualMachineOperation } from '../../../schemas/index.ts'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { Space } from '../../support/space.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'operations')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

const underWay = (name: string) =>
  space.until<VirtualMachineOperation>('VirtualMachineOperation', name, ({ status }) => status?.phase === 'InProgress')

it.concurrent('Restart and Stop reach a guest that listens; forced ones do not ask it', async () => {
  await space.vm('listens')
  const console = await space.booted('listens')
  const first = await space.qemuPid('listens')
  const restart = space.operate('listens', 'Restart')
  await console.see(/GUEST-SHUTDOWN/)
  expect(await console.ended).toMatchObject({ code: 1000 })
  expect(await restart).toMatchObject({ phase: 'Completed', reason: 'OperationCompleted' })
  const second = await space.untilNewQemu('listens', first)

  expect(await space.operate('listens', 'Restart', true)).toMatchObject({ phase: 'Completed' })
  await space.untilNewQemu('listens', second)
  const again = await space.booted('listens')
  const stop = space.operate('listens', 'Stop')
  await again.see(/GUEST-SHUTDOWN/)
  expect(await stop).toMatchObject({ phase: 'Completed' })
  expect((await space.untilPhase('listens', 'Stopped')).status).toMatchObject({ nodeName: '', ipAddress: '' })
})

it.concurrent('a guest that ignores the button is ended after its grace period, not before', async () => {
  await space.bareVm('deaf', { terminationGracePeriodSeconds: 3 })
  await space.untilPhase('deaf', 'Running')
  const began = performance.now()
  const stop = space.operate('deaf', 'Stop')
  await space.untilPhase('deaf', 'Stopping')
  expect(await stop).toMatchObject({ phase: 'Completed' })
  expect(performance.now() - began).toBeGreaterThan(2_900)
  await space.untilPhase('deaf', 'Stopped')
})

it.concurrent('a paused guest is stopped at once', async () => {
  await space.bareVm('paused')
  await space.untilPhase('paused', 'Running')
  await space.host.virsh('suspend', space.domain('paused'))
  await space.untilPhase('paused', 'Pause')
  expect(await space.operate('paused', 'Stop')).toMatchObject({ phase: 'Completed' })
  await space.untilPhase('paused', 'Stopped', 10)
})

it.concurrent("refuses with DVP's reasons what does not apply", async () => {
  await space.bareVm('refuses')
  await space.untilPhase('refuses', 'Running')
  const wrongPhase = { phase: 'Failed', reason: 'NotApplicableForVirtualMachinePhase' }
  const wrongPolicy = { phase: 'Failed', reason: 'NotApplicableForVirtualMachineRunPolicy' }
  expect(await space.operate('refuses', 'Start')).toMatchObject(wrongPhase)
  await space.patch('VirtualMachine', 'refuses', { spec: { runPolicy: 'AlwaysOn' } })
  expect(await space.operate('refuses', 'Start')).toMatchObject(wrongPolicy)
  expect(await space.operate('refuses', 'Stop', true)).toMatchObject(wrongPolicy)
  await space.patch('VirtualMachine', 'refuses', { spec: { runPolicy: 'Manual' } })
  expect(await space.operate('refuses', 'Stop', true)).toMatchObject({ phase: 'Completed' })
  await space.untilPhase('refuses', 'Stopped')
  expect(await space.operate('refuses', 'Stop')).toMatchObject(wrongPhase)
  expect(await space.operate('refuses', 'Restart', true)).toMatchObject(wrongPhase)
  expect(await space.operate('nobody', 'Start')).toMatchObject({ phase: 'Failed', reason: 'VirtualMachineNotFound' })
})

it.concurrent('a forced Stop takes the place of a Stop, a Restart waits for its turn', async () => {
  await space.bareVm('forced', { terminationGracePeriodSeconds: 600 })
  await space.untilPhase('forced', 'Running')
  const patient = await space.operation('forced', 'Stop')
  await underWay(patient.metadata.name)
  const waiting = await space.operation('forced', 'Restart', true)
  const forced = await space.operation('forced', 'Stop', true)
  expect(await space.operationEnd(patient.metadata.name)).toMatchObject({ phase: 'Superseded', reason: 'Superseded' })
  expect(await space.operationEnd(forced.metadata.name)).toMatchObject({ phase: 'Completed' })
  expect(await space.operationEnd(waiting.metadata.name)).toMatchObject({
    phase: 'Failed',
    reason: 'NotApplicableForVirtualMachinePhase',
  })
  await space.untilPhase('forced', 'Stopped')
})

it.concurrent('a Stop takes the place of a Start that waits for its disk', async () => {
  const blockDeviceRefs = [{ kind: 'VirtualDisk' as const, name: 'later' }]
  await space.vm('waits', { runPolicy: 'Manual', blockDeviceRefs })
  await space.untilPhase('waits', 'Stopped')
  const start = await space.operation('waits', 'Start')
  await underWay(start.metadata.name)
  await space.untilPhase('waits', 'Pending')
  expect(await space.operate('waits', 'Stop')).toMatchObject({ phase: 'Completed' })
  expect(await space.operationEnd(start.metadata.name)).toMatchObject({ phase: 'Superseded' })
  await space.untilPhase('waits', 'Stopped')
  await space.disk('later', '1Mi')
  await space.until('VirtualDisk', 'later', ({ status }) => (status as { phase?: string })?.phase === 'Ready')
  expect((await space.get('VirtualMachine', 'waits')).status?.phase).toBe('Stopped')
})
