// Two hosts' parts in a live migration, on real libvirt and QEMU, killed at their worst moments. QEMU takes no locks on disks: hosts of a lab
// share a kernel and would see each other's, which other hosts may not. That no two guests run is asked of libvirt on both all the time.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { testAuthority } from '../support/cluster-certificates.ts'
import { endLab, labPlace, ROOT, scriptsLab } from '../support/lab-place.ts'
import { waitFor } from '../support/wait.ts'
import { MovingHost } from './moving-host.ts'
import { type Move, MovingVm } from './moving-vm.ts'

/** Of each machine; the tests after that move it as often again. */
const MOVES = process.env.BERTH_LONG ? 20 : 5
/** What does not depend on where the disk is, is shown with one kind of disk; with both when there is time. */
const BOTH = process.env.BERTH_LONG !== undefined
const IMAGE = join(ROOT, '.cache/guest/guest.qcow2')
let dir: string
let h1: MovingHost
let h2: MovingHost
let shared: string
let watching: AbortController
let watched: Promise<void>
/** Hosts on which a machine ran at one moment, when there were two. */
const twice: string[] = []

beforeAll(async () => {
  dir = (await labPlace()).dir
  await scriptsLab(['image', '--dir', join(ROOT, '.cache/guest')])
  await scriptsLab(['up', '2', '--no-agent', '--movable', '--unlocked', '--dir', dir])
  const subnet = /^subnet=(.*)$/m.exec(readFileSync(join(dir, 'lab.env'), 'utf8'))?.[1] ?? ''
  const hosts = new Map<string, MovingHost>()
  h1 = new MovingHost(dir, 'h1', `${subnet}.1`, hosts)
  h2 = new MovingHost(dir, 'h2', `${subnet}.2`, hosts)
  shared = join(dir, 'shared')
  mkdirSync(shared, { recursive: true })
  const authority = await testAuthority(dir)
  for (const host of [h1, h2]) {
    await host.trust(authority)
    await host.start()
    await host.shareFolder(shared)
  }
})
afterAll(async () => {
  await Promise.all([h1, h2].map((host) => host.kill().catch(() => undefined)))
  await endLab(dir)
})
afterEach(() => {
  for (const host of [h1, h2]) host.onAsk = () => undefined
})

/** Asks both hosts for running copies until it is told to stop. */
function watch(vm: MovingVm): void {
  watching = new AbortController()
  watched = (async () => {
    while (!watching.signal.aborted) {
      const where = await vm.runsOn(h1, h2).catch(() => [])
      if (where.length > 1) twice.push(where.join(' and '))
      await sleep(20)
    }
  })()
}
async function neverTwo(): Promise<void> {
  watching.abort()
  await watched
  expect(twice).toEqual([])
}

const ports = async (host: MovingHost): Promise<readonly string[]> =>
  (await host.lab.exec('ss', '-tlnH')).split('\n').filter((line) => line.trim() !== '')

/** Whose agent is killed: at its end of which question, before or after its answer. */
const TARGETS = [
  ['the agent of the target while it waits', 'target', 'prepare', 'after'],
  ['the agent of the target when it was told that the last comes', 'target', 'load', 'after'],
  ['the agent of the target just before it is asked to decide', 'target', 'finish', 'before'],
] as const

describe.each([
  ['a disk of the host itself', false],
  ['a shared disk', true],
] as const)('a guest under load with %s', (_title, isShared) => {
  let vm: MovingVm
  /** Where it is. */
  let here: MovingHost
  let there: MovingHost

  beforeAll(async () => {
    vm = new MovingVm(isShared ? 'shared' : 'local', isShared ? shared : null)
    ;[here, there] = [h1, h2]
    await vm.boot(h1, IMAGE)
    // As after an earlier fetch by digest.
    await h2.hold(IMAGE, vm.uid)
  })
  afterAll(() => vm.end(h1, h2))

  /** How long the guest was paused, in ms; undefined when that was not seen. */
  async function moves(move: Move): Promise<number | undefined> {
    await move.see(here, 'Cleaned')
    const told = await waitFor('the end at the target', 30, () => {
      const words = there.told(vm.uid)
      return words?.phase === 'Committed' && words.endTime ? words : null
    })
    expect(told.reason).toBeUndefined()
    expect(await vm.runsOn(here, there)).toEqual([there.name])
    expect(await here.state(vm.domain, vm.uid)).toBeNull()
    expect(await there.lab.tpm(vm.uid)).not.toBeNull()
    await vm.settle(here, there)
    ;[here, there] = [there, here]
    return told.progress?.downtimeMs
  }

  async function stays(move: Move): Promise<string> {
    const told = await move.see(here, 'Failed')
    await waitFor('an end at the target', 30, async () => (await there.state(vm.domain, vm.uid)) === null)
    await waitFor('a guest that goes on', 30, async () => (await vm.runsOn(here, there))[0] === here.name)
    expect(await here.lab.tpm(vm.uid)).not.toBeNull()
    await vm.stay(here, there)
    return told.reason ?? ''
  }

  it(`moves ${MOVES} times, and lives on`, async () => {
    watch(vm)
    const pauses: (number | undefined)[] = []
    for (let move = 0; move < MOVES; move++) {
      const options = move % 2 === 0 ? {} : { parallelConnections: 2, autoConverge: true }
      pauses.push(await moves(await vm.begin(here, there, options)))
      await vm.expectAlive(here, there)
    }
    await neverTwo()
    // libvirt may tell of the stop only when all is over, on a machine that has no time.
    expect(pauses.filter((ms) => ms !== undefined && ms > 0).length).toBeGreaterThanOrEqual(MOVES - 1)
  })

  it('QEMU listens on the given address alone, and only while it comes; the definition has files of its host', async () => {
    expect(await ports(there)).toEqual([])
    let during: readonly string[] = []
    here.onAsk = async (ask, when) => {
      if (ask === 'prepare' && when === 'after') during = await ports(there)
    }
    await moves(await vm.begin(here, there))
    expect(during.length).toBe(isShared ? 1 : 2)
    for (const line of during) expect(line).toContain(`${here.address}:`)
    expect(await ports(here)).toEqual([])
    const xml = await here.lab.virsh('dumpxml', vm.domain, '--inactive')
    expect(xml).not.toContain(there.stateDir)
    expect(xml).toContain(`&quot;epoch&quot;:${vm.epoch}`.replaceAll('&quot;', '"'))
  })

  const whole = isShared || BOTH
  if (whole)
    it('goes by post-copy when its memory is not sent otherwise', async () => {
      watch(vm)
      const move = await vm.begin(here, there, { postCopy: true, bandwidthMiBps: 8 })
      await moves(move)
      await neverTwo()
      await vm.expectAlive(here, there)
    })

  it('is called off', async () => {
    const move = await vm.begin(here, there, { bandwidthMiBps: 5 })
    await move.see(here, 'Transferring')
    await move.go({ cancel: true })
    expect(await stays(move)).toBe('Aborted')
    await vm.expectAlive(here, there)
  })

  if (whole)
    it('is called off when the target waits for the last of it', async () => {
      watch(vm)
      const move = await vm.begin(here, there, { bandwidthMiBps: 5 })
      await waitFor('a transfer under way', 30, () => (here.told(vm.uid)?.progress?.percent ?? 0) >= 10)
      // libvirt waits there for a guest that does not come.
      await there.life.side.handover.answer(vm.uid, { uid: vm.uid, id: move.id, ask: 'load' })
      await move.go({ cancel: true })
      await stays(move)
      await neverTwo()
      await vm.expectAlive(here, there)
    })

  it.each([
    ['the agent of the source during the transfer', 'source', 'prepare', 'after'],
    ...TARGETS.filter(([, , ask]) => whole || ask === 'load'),
  ] as const)('stays, killed: %s', async (_who, side, ask, when) => {
    watch(vm)
    let killed: Promise<void> | undefined
    const victim = side === 'source' ? here : there
    here.onAsk = (asked, at) => {
      if (asked !== ask || at !== when || killed !== undefined) return
      const pause = ask === 'prepare' ? 1_000 : 0
      killed = sleep(pause).then(() => victim.restart())
      return pause === 0 ? killed : undefined
    }
    const move = await vm.begin(here, there, ask === 'prepare' ? { bandwidthMiBps: 10 } : {})
    await waitFor('the kill', 30, () => killed !== undefined)
    await killed
    await stays(move)
    await neverTwo()
    await vm.expectAlive(here, there)
  })

  it.each([
    ['the agent of the source once the target was asked', 'source', 'before'],
    ['the agent of the source once the target has decided', 'source', 'after'],
  ] as const)('ends on one host, killed: %s', async (_who, _side, when) => {
    watch(vm)
    let killed: Promise<void> | undefined
    here.onAsk = async (asked, at) => {
      if (asked !== 'finish' || at !== when || killed !== undefined) return
      // Its end waits for this very question to end.
      killed = here.kill()
      await sleep(500)
    }
    const move = await vm.begin(here, there)
    await waitFor('the kill', 30, () => killed !== undefined)
    await killed
    // Nobody decides: at most one runs.
    await sleep(500)
    await here.start()
    if (when === 'after') await moves(move)
    else await stays(move)
    await neverTwo()
    await vm.expectAlive(here, there)
  })

  it('waits paused for a target that does not answer, and goes by what it says then', async () => {
    watch(vm)
    let down: Promise<void> | undefined
    here.onAsk = async (asked, at) => {
      if (asked !== 'finish' || at !== 'after' || down !== undefined) return
      down = there.kill()
      await down
      throw new Error('the answer was lost')
    }
    const move = await vm.begin(here, there)
    await waitFor('the loss', 30, () => down !== undefined)
    await down
    const told = await waitFor('words about it', 30, () => {
      const words = here.told(vm.uid)
      return words?.message?.includes('does not say') ? words : null
    })
    expect(told.phase).toBe('Finishing')
    expect(told.message).toContain('stays paused here')
    expect(await here.state(vm.domain, vm.uid)).toBe('3/2')
    await there.start()
    await moves(move)
    await neverTwo()
    await vm.expectAlive(here, there)
  })

  if (whole)
    it.each([
      ['the source', 'source'],
      ['the target', 'target'],
    ] as const)('stays when libvirtd of %s dies during the transfer', async (_title, side) => {
      watch(vm)
      const move = await vm.begin(here, there, { bandwidthMiBps: 5 })
      await move.see(here, 'Transferring')
      await waitFor('a transfer under way', 30, () => (here.told(vm.uid)?.progress?.percent ?? 0) >= 10)
      await (side === 'source' ? here : there).lab.restartLibvirtd('KILL')
      await stays(move)
      await neverTwo()
      await vm.expectAlive(here, there)
    })
})
