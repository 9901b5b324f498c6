// SIGKILL of the agent at chosen moments of a machine's life, told by what a watch shows.
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { checkInvariants, converged } from '../chaos/invariants/index.ts'
import { keepEvidence, type Lab, openLab } from '../support/lab.ts'
import { Space } from '../support/space.ts'
import { waitFor } from '../support/wait.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await openLab(1, undefined, { pauseSeconds: 0.1 })
  space = await Space.make(lab, 'steps')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(() => lab.down())

/** Kills the agent as soon as the object's phase is one of these; it must come by. */
async function killAt(kind: string, name: string, ...phases: readonly string[]): Promise<void> {
  await space.until(
    kind,
    name,
    ({ status }) => phases.includes((status as { phase?: string } | undefined)?.phase ?? ''),
    30,
  )
  await lab.host.agentReady(await lab.host.killAgent())
}

it('killed while a machine starts, it runs once', async () => {
  await space.bareVm('starts')
  await killAt('VirtualMachine', 'starts', 'Starting', 'Running')
  await space.untilPhase('starts', 'Running')
  await converged(lab.host)
  await checkInvariants(lab.host)
})

it('killed while a machine stops, the stop goes on to its end', async () => {
  await space.bareVm('stops', { terminationGracePeriodSeconds: 4 })
  await space.untilPhase('stops', 'Running')
  const { metadata } = await space.operation('stops', 'Stop')
  await killAt('VirtualMachine', 'stops', 'Stopping')
  expect(await space.operationEnd(metadata.name)).toMatchObject({ phase: 'Completed' })
  await space.untilPhase('stops', 'Stopped')
  await checkInvariants(lab.host)
})

it('killed in the middle of a restart, the machine runs again, in another QEMU', async () => {
  await space.bareVm('restarts', { terminationGracePeriodSeconds: 2 })
  await space.untilPhase('restarts', 'Running')
  const old = await space.qemuPid('restarts')
  const { metadata } = await space.operation('restarts', 'Restart')
  await killAt('VirtualMachine', 'restarts', 'Stopping', 'Starting')
  expect(await space.operationEnd(metadata.name)).toMatchObject({ phase: 'Completed' })
  await space.untilNewQemu('restarts', old)
  await checkInvariants(lab.host)
})

it('killed in the middle of an import, no file is left of it and the import ends well', async () => {
  let tries = 0
  const content = Buffer.alloc(2_097_152, 1)
  const url = lab.served.with('drip.raw', (_, response) => {
    tries += 1
    response.writeHead(200, { 'content-length': content.length })
    response.write(content.subarray(0, 1_000_000))
    if (tries > 1) response.end(content.subarray(1_000_000))
  })
  const spec = { storage: 'ContainerRegistry', dataSource: { type: 'HTTP', http: { url } } }
  await space.create({
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualImage',
    metadata: { name: 'drip' },
    spec,
  })
  await waitFor('the download begun', 30, () => tries > 0)
  await killAt('VirtualImage', 'drip', 'Provisioning')
  await converged(lab.host)
  expect(tries).toBeGreaterThan(1)
  await checkInvariants(lab.host)
})

it('killed while a machine is deleted, it is gone and its disk stays', async () => {
  await space.bareVm('goes', { terminationGracePeriodSeconds: 3 })
  await space.untilPhase('goes', 'Running')
  await space.delete('VirtualMachine', 'goes')
  await killAt('VirtualMachine', 'goes', 'Terminating')
  await space.untilGone('VirtualMachine', 'goes')
  expect((await space.get('VirtualDisk', 'goes')).status?.phase).toBe('Ready')
  await checkInvariants(lab.host)
})

it('killed while a namespace with running machines is deleted, everything in it goes', async () => {
  const doomed = new Space(lab.host, 'doomed')
  await doomed.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'doomed' } })
  for (const name of ['a', 'b', 'c']) await doomed.bareVm(name, { terminationGracePeriodSeconds: 1 })
  for (const name of ['a', 'b', 'c']) await doomed.untilPhase(name, 'Running')
  const removal = doomed.remove()
  await sleep(300)
  await lab.host.agentReady(await lab.host.killAgent())
  await removal
  await converged(lab.host)
  await checkInvariants(lab.host)
})

it('killed with 10 machines running, none is touched and every status is right', async () => {
  const names = Array.from({ length: 10 }, (_, index) => `many-${index}`)
  for (const name of names) await space.bareVm(name)
  for (const name of names) await space.untilPhase(name, 'Running')
  const before = await Promise.all(names.map((name) => space.qemuPid(name)))
  await lab.host.restartAgent()
  const versions = () =>
    Promise.all(names.map(async (name) => (await space.get('VirtualMachine', name)).metadata.resourceVersion))
  await waitFor('a second without a write to any of them', 60, async () => {
    const earlier = await versions()
    await sleep(1_000)
    return isDeepStrictEqual(await versions(), earlier)
  })
  expect(await Promise.all(names.map((name) => space.qemuPid(name)))).toEqual(before)
  await converged(lab.host)
  await checkInvariants(lab.host)
})
