// The fencer: what it ends, when, and what it never touches. Times are simulated; processes, pid files and the watchdog's file are real (the
// last one stands in for a device: that the kernel resets a host is not shown here).
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Fencer } from '../../../../agent/cluster/fencing/fencer.ts'
import { Fencing, type FencingConfig } from '../../../../agent/cluster/fencing/fencing.ts'
import { type FencedMachine, type Orders, parseOrders, parseReport } from '../../../../agent/cluster/fencing/orders.ts'
import { findQemu, killQemu } from '../../../../agent/cluster/fencing/processes.ts'
import { watchdogTimeout } from '../../../../agent/cluster/fencing/watchdog.ts'
import type { Log } from '../../../../agent/log.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { silentLog } from '../../../../lib/reconcile/log.ts'
import { eventually } from '../../../support/eventually.ts'
import { scratch } from '../../../support/scratch.ts'

const UID = '11111111-2222-4333-8444-555555555555'
const OTHER = '99999999-2222-4333-8444-555555555555'

/** A process with the words of a QEMU in its command line. */
function qemu(uid: string, pidFile: string): ChildProcess {
  const child = spawn('sleep', ['600'], { argv0: `qemu-system -uuid ${uid}`, stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  writeFileSync(pidFile, `${child.pid}\n`)
  return child
}

function fencer(dir: string) {
  let now = 0
  const said: string[] = []
  const made = new Fencer({
    ordersPath: join(dir, 'fence-orders.json'),
    clock: systemClock,
    bootClock: () => now,
    say: (line) => said.push(line),
  })
  const order = (orders: Partial<Orders>) => {
    const whole = {
      revision: 1,
      leaseUntil: 15_000,
      killFrom: 25_000,
      watchdog: null,
      spare: true,
      machines: [],
      ...orders,
    }
    writeFileSync(join(dir, 'fence-orders.json'), JSON.stringify(whole))
  }
  const at = (ms: number) => {
    now = ms
    return made.look()
  }
  const report = () => parseReport(readFileSync(join(dir, 'fence-report.json'), 'utf8'))
  return { order, at, report, said }
}

it('ends the machine at its time and not before, and says so; a longer lease puts it off', async () => {
  const dir = scratch()
  const pidFile = join(dir, 'vm.pid')
  const child = qemu(UID, pidFile)
  const { order, at, report } = fencer(dir)
  const machines = [{ uid: UID, pidFile }]
  order({ machines })
  at(24_999)
  expect(child.exitCode ?? child.signalCode).toBeNull()
  order({ machines, leaseUntil: 20_000, killFrom: 30_000 })
  at(29_999)
  // Orders that are half written or gone change nothing.
  writeFileSync(join(dir, 'fence-orders.json'), '{"revision": 2, "leaseUn')
  at(29_999)
  expect(child.signalCode).toBeNull()
  rmSync(join(dir, 'fence-orders.json'))
  const ended = once(child, 'exit')
  at(30_000)
  await ended
  expect(child.signalCode).toBe('SIGKILL')
  expect(report()).toMatchObject({ killed: [{ uid: UID, at: 30_000 }], revision: 1 })
  // It is gone; nothing more is ended.
  at(31_100)
  expect(report()?.killed).toHaveLength(1)
})

it("never ends another process: an old pid file, another machine's QEMU, a number that came round", () => {
  const dir = scratch()
  const pidFile = join(dir, 'vm.pid')
  const child = qemu(OTHER, pidFile)
  expect(findQemu({ uid: UID, pidFile })).toBeNull()
  const found = findQemu({ uid: OTHER, pidFile })
  expect(found?.pid).toBe(child.pid)
  expect(killQemu({ pid: child.pid ?? 0, startTicks: '1' })).toBe(false)
  for (const text of ['', '0', '1', '-1', 'x', '999999999']) {
    writeFileSync(pidFile, text)
    expect(findQemu({ uid: OTHER, pidFile })).toBeNull()
  }
  expect(findQemu({ uid: OTHER, pidFile: join(dir, 'none') })).toBeNull()
  expect(child.signalCode).toBeNull()
})

it('feeds the watchdog while the lease holds and machines may be failed over, and disarms it when none is left', async () => {
  const dir = scratch()
  const watchdog = join(dir, 'watchdog')
  writeFileSync(watchdog, '')
  const fed = () => readFileSync(watchdog, 'latin1')
  const pidFile = join(dir, 'vm.pid')
  const child = qemu(UID, pidFile)
  const machines = [{ uid: UID, pidFile }]
  const { order, at, report } = fencer(dir)
  order({ watchdog })
  at(0)
  expect(fed()).toBe('')
  order({ watchdog, machines })
  at(1_000)
  at(2_000)
  expect([fed(), report()?.watchdogArmed]).toEqual(['\0\0', true])
  // The lease ran out: not fed any more, and still armed, so that the host is reset.
  at(15_000)
  at(16_001)
  expect([fed(), report()?.watchdogArmed]).toEqual(['\0\0', true])
  const ended = once(child, 'exit')
  at(25_000)
  await ended
  at(25_250)
  expect(fed()).toBe('\0\0V')
  order({ watchdog, machines, leaseUntil: 60_000, killFrom: 70_000 })
  at(30_000)
  order({ watchdog, machines: [] })
  at(31_000)
  expect(fed().endsWith('V')).toBe(true)
  expect([at(60_999), at(61_000)]).toEqual([true, false])
})

it('a watchdog that cannot be opened is said', () => {
  const dir = scratch()
  const { order, at, report } = fencer(dir)
  order({ watchdog: join(dir, 'nothing', 'here'), machines: [{ uid: UID, pidFile: join(dir, 'none') }] })
  at(1_000)
  at(2_500)
  expect(report()).toMatchObject({ watchdogArmed: false, watchdogProblem: expect.stringMatching(/ENOENT/) })
  expect(watchdogTimeout('/dev/watchdog', dir)).toBeNull()
})

it.each([null, '', '[]', '{}', '{"revision":1,"leaseUntil":null,"killFrom":1,"watchdog":null,"machines":[]}'])(
  'orders that say %j are none',
  (text) => expect(parseOrders(text)).toBeNull(),
)

describe('the agent’s side', () => {
  it('orders before it covers, tells only what the fencer says, and a new agent keeps the lease of the old one', async () => {
    const folder = scratch()
    let now = 1_000
    const launched: string[] = []
    const killed: string[] = []
    const machines = [{ uid: UID, pidFile: join(folder, 'vm.pid') }]
    const agent = () =>
      new Fencing({
        config: { selfFencing: 'timeout', boundSeconds: 10, watchdog: null, watchdogSeconds: 60, others: 'spare' },
        folder,
        clock: { sleep: async () => undefined },
        bootClock: () => now,
        log: silentLog as Log,
        launch: async (path) => void launched.push(path),
        machines: () => machines,
        onKilled: (uid) => killed.push(uid),
      })
    const orders = () => parseOrders(readFileSync(join(folder, 'fence-orders.json'), 'utf8'))
    const first = agent()
    await first.open()
    // Without a lease nothing is ordered that would be ended at once.
    await first.update({ holds: false, until: Number.NEGATIVE_INFINITY })
    expect(orders()?.machines ?? []).toEqual([])
    await first.update({ holds: true, until: 16_000 })
    expect(orders()).toMatchObject({ leaseUntil: 16_000, killFrom: 26_000, machines })
    expect([first.covers(UID), first.evidence(), launched.length]).toEqual([false, [], 1])
    expect(first.problem()).toMatch(/not at work/)
    const said = (over: object) =>
      writeFileSync(
        join(folder, 'fence-report.json'),
        JSON.stringify({
          pid: 1,
          at: now,
          revision: orders()?.revision,
          watchdogArmed: false,
          watchdogProblem: '',
          killed: [],
          ...over,
        }),
      )
    said({ revision: 0 })
    await first.update({ holds: true, until: 17_000 })
    expect(first.covers(UID)).toBe(false)
    said({})
    await first.update({ holds: true, until: 17_000 })
    expect([first.covers(UID), first.problem()]).toEqual([true, null])
    expect(first.evidence()).toEqual([{ kind: 'timeout', seconds: 12 }])

    const second = agent()
    await second.open()
    await second.update({ holds: false, until: Number.NEGATIVE_INFINITY })
    expect(orders()).toMatchObject({ leaseUntil: 17_000, killFrom: 27_000, machines })
    said({ killed: [{ uid: UID, at: 27_000 }] })
    now = 27_100
    await second.update({ holds: false, until: Number.NEGATIVE_INFINITY })
    await second.update({ holds: false, until: Number.NEGATIVE_INFINITY })
    expect(killed).toEqual([UID])
    now = 31_000
    expect([second.covers(UID), second.evidence()]).toEqual([false, []])
  })
})

describe('what the scheduler may believe', () => {
  const OFF: FencingConfig = {
    selfFencing: 'off',
    boundSeconds: 10,
    watchdog: null,
    watchdogSeconds: 60,
    others: 'spare',
  }

  /** An agent whose fencer does at once what it is told. */
  async function agent(folder: string, config: Partial<FencingConfig>, machines: readonly FencedMachine[]) {
    const now = 1_000
    const path = join(folder, 'fence-orders.json')
    const orders = () => parseOrders(readFileSync(path, 'utf8'))
    const say = () => {
      const { revision = 0, watchdog = null, machines: ordered = [] } = orders() ?? {}
      const watchdogArmed = watchdog !== null && ordered.length > 0
      const report = { pid: 1, at: now, revision, watchdogArmed, watchdogProblem: '', killed: [] }
      writeFileSync(join(folder, 'fence-report.json'), JSON.stringify(report))
    }
    let here = machines
    const fencing = new Fencing({
      config: { ...OFF, ...config },
      folder,
      clock: { sleep: async () => say() },
      bootClock: () => now,
      log: silentLog as Log,
      launch: async () => say(),
      machines: () => here,
      onKilled: () => undefined,
    })
    await fencing.open()
    const fenced = () => here.flatMap(({ uid }) => (fencing.covers(uid) ? [uid] : []))
    const renew = async (answered = true) => {
      await fencing.update({ holds: true, until: 16_000 })
      const uids = fenced()
      const evidence = fencing.evidence()
      fencing.claim(uids)
      if (answered) fencing.claimed(uids)
      await fencing.update({ holds: true, until: 16_000 })
      return { uids, evidence }
    }
    return {
      orders,
      renew,
      become: (others: readonly FencedMachine[]) => {
        here = others
      },
    }
  }

  const one = [{ uid: UID, pidFile: '/none' }]

  it('a machine that is not for failover any more is ended with the lease until that was heard', async () => {
    const { orders, renew, become } = await agent(scratch(), { selfFencing: 'timeout' }, one)
    expect((await renew()).uids).toEqual([UID])
    become([])
    expect(await renew(false)).toEqual({ uids: [], evidence: [] })
    expect(orders()?.machines).toEqual(one)
    await renew()
    expect(orders()?.machines).toEqual([])
  })

  it('means that become others hold until that was heard, also by a new agent; then the machine is named again', async () => {
    const folder = scratch()
    const watchdog = join(folder, 'watchdog')
    const first = await agent(folder, { watchdog, others: 'reset' }, one)
    expect(await first.renew()).toEqual({ uids: [UID], evidence: [{ kind: 'watchdog', seconds: 62, whole: true }] })
    expect(first.orders()).toMatchObject({ watchdog, killFrom: null, spare: false })
    const second = await agent(folder, { watchdog, watchdogSeconds: 16 }, one)
    expect(await second.renew(false)).toEqual({ uids: [], evidence: [] })
    expect(second.orders()).toMatchObject({ watchdog, killFrom: null, spare: false })
    await second.renew()
    // Ended in time for the watchdog to be disarmed.
    expect(second.orders()).toMatchObject({ watchdog, leaseUntil: 16_000, killFrom: 24_000, spare: true })
    expect(await second.renew()).toEqual({ uids: [UID], evidence: [{ kind: 'watchdog', seconds: 18 }] })
  })

  it('switched off: machines are not ended once the scheduler knows', async () => {
    const folder = scratch()
    await (await agent(folder, { selfFencing: 'timeout' }, one)).renew()
    const off = await agent(folder, {}, one)
    await off.renew(false)
    expect(off.orders()).toMatchObject({ machines: one, killFrom: 26_000 })
    await off.renew()
    expect(off.orders()).toMatchObject({ machines: [], killFrom: null })
  })
})

it('where others are not spared, the watchdog is not disarmed although all has ended', () => {
  const dir = scratch()
  const watchdog = join(dir, 'watchdog')
  writeFileSync(watchdog, '')
  const { order, at } = fencer(dir)
  order({ watchdog, spare: false, machines: [{ uid: UID, pidFile: join(dir, 'none') }] })
  at(1_000)
  at(25_000)
  at(26_000)
  expect(readFileSync(watchdog, 'latin1')).toBe('\0')
})

it('a QEMU whose first thread has ended is there for as long as another one lives', async () => {
  const dir = scratch()
  const [pidFile, program] = [join(dir, 'vm.pid'), join(dir, 'threads.py')]
  writeFileSync(
    program,
    [
      'import ctypes, threading, time',
      'threading.Thread(target=time.sleep, args=(600,)).start()',
      'ctypes.CDLL(None).pthread_exit(None)',
    ].join('\n'),
  )
  const child = spawn('python3', [program, `-uuid ${UID}`], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  writeFileSync(pidFile, `${child.pid}\n`)
  await eventually(() => expect(readFileSync(`/proc/${child.pid}/stat`, 'utf8')).toMatch(/\) Z /))
  const found = findQemu({ uid: UID, pidFile })
  expect(found?.pid).toBe(child.pid)
  const ended = once(child, 'exit')
  expect(found !== null && killQemu(found)).toBe(true)
  await ended
  expect(findQemu({ uid: UID, pidFile })).toBeNull()
})
