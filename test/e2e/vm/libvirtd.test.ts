// libvirtd comes and goes under running guests: they never notice, and the agent finds its way back by itself.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { condition, Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'libvirtd')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

const pidsOf = (names: readonly string[]) => Promise.all(names.map((name) => space.qemuPid(name)))

it('guests run on through SIGTERM and SIGKILL of libvirtd, and are looked after again', async () => {
  const names = ['talks', 'works', 'idles']
  await space.vm('talks')
  for (const name of ['works', 'idles']) await space.bareVm(name)
  for (const name of names) await space.untilPhase(name, 'Running')
  const first = await space.booted('talks')
  const before = await pidsOf(names)
  expect(before).not.toContain(0)

  await space.host.restartLibvirtd('TERM')
  expect(await first.ended).toMatchObject({ code: expect.any(Number) })
  await space.host.agentReady()
  await space.host.restartLibvirtd('KILL')
  await space.host.agentReady()

  expect(await pidsOf(names)).toEqual(before)
  const second = await space.console('talks')
  expect(await second.ask('echo $((6*7))')).toBe('42')
  await space.bareVm('newcomer')
  await space.untilPhase('newcomer', 'Running')
  expect(await space.operate('works', 'Restart', true)).toMatchObject({ phase: 'Completed' })
  await space.untilNewQemu('works', before[1] ?? 0)

  // Events come again: nobody but libvirt tells that a QEMU died.
  await space.killQemu('idles')
  await space.untilNewQemu('idles', before[2] ?? 0)
  expect(await space.qemuPid('talks')).toBe(before[0])
})

it('while libvirtd is away the API answers, and what is asked of it then is done when it is back', async () => {
  const { metadata } = await space.vm('leaves')
  const log = join(space.host.stateDir, 'console', `${metadata.uid}.log`)
  await space.bareVm('stops')
  const console = await space.booted('leaves')
  await space.untilPhase('stops', 'Running')
  await console.ask('(sleep 3; poweroff) & true')
  let stop = ''
  await space.host.withoutLibvirtd(async () => {
    await waitFor('the agent to notice', 30, async () => (await space.host.readiness()).includes('[-]libvirt'))
    expect(await space.untilNode('LibvirtReady', 'False')).toMatchObject({ reason: 'LibvirtAway' })
    expect(await space.untilNode('Ready', 'False')).toMatchObject({ reason: 'LibvirtNotReady' })
    await space.bareVm('late')
    stop = (await space.operation('stops', 'Stop', true)).metadata.name
    expect((await space.get('VirtualMachine', 'stops')).status?.phase).toBe('Running')
    // Its kernel's last words: a libvirtd that comes back in the very moment of the power-off ends the QEMU as one that it can't reach.
    await waitFor('the guest to power off', 60, async () =>
      (await readFile(log, 'latin1')).includes('reboot: Power down'),
    )
    await sleep(1_000)
  })
  for (const type of ['LibvirtReady', 'Ready']) await space.untilNode(type, 'True')
  expect(await space.operationEnd(stop)).toMatchObject({ phase: 'Completed' })
  await space.untilPhase('stops', 'Stopped')
  await space.untilPhase('late', 'Running')
  expect(condition(await space.untilPhase('leaves', 'Stopped'), 'Running').message).toContain('from inside the guest')
})

it('agent and libvirtd killed together: both come back to the guests that run', async () => {
  await space.bareVm('survives')
  await space.bareVm('dies')
  for (const name of ['survives', 'dies']) await space.untilPhase(name, 'Running')
  const [survivor, victim] = await pidsOf(['survives', 'dies'])
  await space.host.withoutAgent(async () => {
    await space.host.withoutLibvirtd(async () => {
      await space.killQemu('dies')
    })
  })
  await space.untilNewQemu('dies', victim ?? 0)
  await space.untilPhase('survives', 'Running')
  expect(await space.qemuPid('survives')).toBe(survivor)
})
