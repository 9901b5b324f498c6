import { type AddressInfo, connect, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LibvirtError, LibvirtTimeout } from '../../../../lib/libvirt/errors.ts'
import { LibvirtPool } from '../../../../lib/libvirt/pool.ts'
import type { EndedCall, LibvirtPoolOptions } from '../../../../lib/libvirt/pool-options.ts'
import { cat, domain, list, none, QEMU, some, str, UUID_A, u32, u64 } from './bytes.ts'
import { type Call, FakeLibvirtd } from './fake-libvirtd.ts'
import { ManualClock, turn, until } from './manual-clock.ts'

const LIFECYCLE = 318
const LOOKUP = 23
const TYPE = 3

let fake: FakeLibvirtd
let clock: ManualClock
let states: string[]
let pool: LibvirtPool

const newPool = (options: Partial<LibvirtPoolOptions> = {}) =>
  new LibvirtPool({
    socketPath: fake.socketPath,
    uri: 'test:///default',
    clock,
    onState: (state) => states.push(state),
    ...options,
  })

beforeEach(async () => {
  fake = await FakeLibvirtd.start()
  clock = new ManualClock()
  states = []
  pool = newPool()
})
afterEach(async () => {
  await pool.close()
  await fake.stop()
})

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('expected a failure')
    },
    (error: unknown) => error,
  )

function hold(procedure: number, program?: number): Call[] {
  const calls: Call[] = []
  fake.on(procedure, (call) => calls.push(call), program)
  return calls
}

const lifecycle = (callbackId: number, event: number, name = 'a') =>
  cat(u32(callbackId), domain(name, 1), u32(event), u32(0))

describe('connecting', () => {
  it('tells about the daemon and the state', async () => {
    fake.on(60, (call) => call.reply(u32(call.payload.readInt32BE(0) === 13 ? 1 : 0)))
    expect(() => pool.libVersion).toThrow('not connected')
    await pool.connect()
    expect([pool.libVersion, pool.hypervisorVersion]).toEqual([9_000_000, 7_002_022])
    expect(pool.features).toEqual({ migrationP2p: false, migrationOffline: false, migrationParams: true })
    expect([states, pool.connected]).toEqual([['connected'], true])
  })

  it('fails when nobody listens, and may be tried again', async () => {
    await fake.crash({ listening: false })
    expect(await failure(pool.connect())).toMatchObject({ name: 'ConnectionLost', effect: 'none' })
    expect(states).toEqual([])
    await fake.listen()
    await pool.connect()
    expect(states).toEqual(['connected'])
  })

  it('needs one address', () => {
    expect(() => newPool({ tcp: { host: '127.0.0.1', port: 1 } })).toThrow('either socketPath or tcp')
  })

  it('goes over TCP as well', async () => {
    const relay = createServer((socket) => {
      const inner = connect(fake.socketPath)
      socket.pipe(inner).pipe(socket)
      inner.on('error', () => socket.destroy())
      socket.on('error', () => inner.destroy())
    })
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
    const { port } = relay.address() as AddressInfo
    const remote = new LibvirtPool({ tcp: { host: '127.0.0.1', port }, uri: 'test:///default', clock })
    await remote.connect()
    expect(remote.libVersion).toBe(9_000_000)
    await remote.close()
    relay.close()
  })

  it('a listener that throws does not harm the pool', async () => {
    const thrown: unknown[] = []
    const onError = (error: unknown) => thrown.push(error)
    process.once('uncaughtException', onError)
    pool = newPool({
      onState: () => {
        throw new Error('the listener is broken')
      },
    })
    await pool.connect()
    await until(() => thrown.length === 1)
    expect(pool.connected).toBe(true)
  })

  it('twice is a mistake', async () => {
    await pool.connect()
    await expect(pool.connect()).rejects.toThrow('connect() on a pool that is connected')
  })

  it('can be given up by closing', async () => {
    const calls = hold(66)
    const connecting = failure(pool.connect())
    await until(() => calls.length === 1)
    await pool.close()
    expect(await connecting).toMatchObject({ message: 'the pool is closed' })
    await until(() => fake.sessions.length === 0)
  })
})

describe('lanes', () => {
  it('a light call does not wait behind work', async () => {
    await pool.connect()
    const work = hold(LOOKUP)
    const slow = Array.from({ length: 20 }, () => failure(pool.call('DomainLookupByName', { name: 'x' })))
    await until(() => work.length === 16)
    fake.on(TYPE, (call) => call.reply(str('QEMU')))
    expect(await pool.call('ConnectGetType', {}, { lane: 'light' })).toEqual({ type: 'QEMU' })
    expect(fake.sessions.length).toBe(5)
    await pool.close()
    await Promise.all(slow)
  })

  it('no connection ever has more calls than libvirtd reads, and none of them is forgotten', async () => {
    await pool.connect()
    const perSession = new Map<unknown, number>()
    let most = 0
    const waiting: Call[] = []
    fake.on(LOOKUP, (call) => {
      perSession.set(call.session, (perSession.get(call.session) ?? 0) + 1)
      most = Math.max(most, ...perSession.values())
      waiting.push(call)
    })
    let answered = 0
    const all = Array.from({ length: 50 }, async (_, i) => {
      const { dom } = await pool.call('DomainLookupByName', { name: `d${i}` })
      expect(dom.name).toBe(`d${i}`)
      answered++
    })
    while (answered < 50) {
      await turn()
      const call = waiting.shift()
      if (call === undefined) continue
      perSession.set(call.session, (perSession.get(call.session) ?? 0) - 1)
      call.reply(domain(call.payload.subarray(4, 4 + call.payload.readUInt32BE(0)).toString()))
    }
    await Promise.all(all)
    expect(most).toBe(4)
  })

  it('a call that never got its turn times out without effect', async () => {
    pool = newPool({ workers: 1 })
    await pool.connect()
    const work = hold(LOOKUP)
    const slow = [1, 2, 3, 4].map(() => failure(pool.call('DomainLookupByName', { name: 'x' })))
    await until(() => work.length === 4)
    const late = failure(pool.call('DomainLookupByName', { name: 'late' }, { timeoutMs: 500 }))
    await clock.advance(500)
    expect(await late).toMatchObject({ name: 'LibvirtTimeout', effect: 'none' })
    for (const call of work) call.fail(42, 'no')
    for (const call of slow) expect(await call).toBeInstanceOf(LibvirtError)
    expect(work.length).toBe(4)
  })

  it('each call is told with its outcome and its time when it has ended', async () => {
    const told: EndedCall[] = []
    pool = newPool({ workers: 1, onCall: (call) => told.push(call) })
    await pool.connect()
    const work = hold(LOOKUP)
    const call = (options: object = {}) => failure(pool.call('DomainLookupByName', { name: 'x' }, options))
    const [gone, refused, late] = [new AbortController(), call(), call({ timeoutMs: 500 })]
    const given = call({ signal: gone.signal })
    await until(() => work.length === 3)
    work[0]?.fail(42, 'no')
    await refused
    gone.abort(new Error('no longer wanted'))
    await given
    await clock.advance(500)
    await late
    const lost = call()
    await pool.close()
    await lost
    const facts = told.filter(({ procedure }) => procedure === 'DomainLookupByName')
    expect(facts.map(({ outcome, ms }) => [outcome, ms])).toEqual([
      ['error', 0],
      ['cancelled', 0],
      ['timeout', 500],
      ['lost', 0],
    ])
  })

  it('the time in the queue counts', async () => {
    pool = newPool({ workers: 1 })
    await pool.connect()
    const work = hold(LOOKUP)
    const first = [1, 2, 3, 4].map(() => failure(pool.call('DomainLookupByName', { name: 'x' })))
    await until(() => work.length === 4)
    const queued = failure(pool.call('DomainLookupByName', { name: 'late' }, { timeoutMs: 500 }))
    await clock.advance(400)
    work[0]?.fail(42, 'no')
    await until(() => work.length === 5)
    await clock.advance(99)
    expect(clock.waiting).toBeGreaterThan(0)
    await clock.advance(1)
    expect(await queued).toMatchObject({ name: 'LibvirtTimeout', effect: 'unknown' })
    for (const call of work.slice(1)) call.fail(42, 'no')
    await Promise.all(first)
  })

  it('a call can be aborted while it waits', async () => {
    pool = newPool({ workers: 1 })
    await pool.connect()
    const work = hold(LOOKUP)
    const slow = [1, 2, 3, 4].map(() => failure(pool.call('DomainLookupByName', { name: 'x' })))
    await until(() => work.length === 4)
    const abort = new AbortController()
    const late = failure(pool.call('DomainLookupByName', { name: 'late' }, { signal: abort.signal }))
    abort.abort(new Error('enough'))
    expect(await late).toMatchObject({ message: 'enough' })
    await pool.close()
    await Promise.all(slow)
  })

  it('a lost worker is replaced by the next call', async () => {
    await pool.connect()
    const work = hold(LOOKUP)
    const lost = failure(pool.call('DomainLookupByName', { name: 'x' }))
    await until(() => work.length === 1)
    work[0]?.session.socket.destroy()
    expect(await lost).toMatchObject({ name: 'ConnectionLost', effect: 'unknown' })
    fake.on(LOOKUP, (call) => call.reply(domain()))
    expect((await pool.call('DomainLookupByName', { name: 'a' })).dom.name).toBe('a')
    expect(states).toEqual(['connected'])
  })

  it('after closing there are no calls, and what waited has failed', async () => {
    await pool.connect()
    const work = hold(LOOKUP)
    const slow = Array.from({ length: 20 }, () => failure(pool.call('DomainLookupByName', { name: 'x' })))
    await until(() => work.length > 0)
    await pool.close()
    for (const call of slow) expect(await call).toMatchObject({ name: 'ConnectionLost' })
    expect(await failure(pool.call('ConnectGetType', {}))).toMatchObject({ name: 'ConnectionLost', effect: 'none' })
    expect(await failure(pool.call('ConnectGetType', {}, { lane: 'light' }))).toMatchObject({ effect: 'none' })
    expect(states).toEqual(['connected'])
    expect(clock.waiting).toBe(0)
    await until(() => fake.sessions.length === 0)
  })
})

describe('events', () => {
  it('reach the subscription that asked for them, by callback id', async () => {
    await pool.connect()
    const first = pool.events('lifecycle')
    await first.ready
    const firstId = fake.lastCallbackId
    const dom = { name: 'b', uuid: UUID_A, id: 1 }
    const asked = hold(316)
    const second = pool.events('deviceRemoved', { dom })
    await until(() => asked.length === 1)
    expect(asked[0]?.payload).toEqual(cat(u32(15), some(domain('b', 1))))
    asked[0]?.reply(u32(77))
    await second.ready
    const control = fake.sessions[0]
    control?.message(LIFECYCLE, lifecycle(firstId, 5))
    control?.message(333, cat(u32(77), domain('b', 1), str('net1')))
    expect((await first[Symbol.asyncIterator]().next()).value).toEqual({
      kind: 'lifecycle',
      dom: { name: 'a', uuid: UUID_A, id: 1 },
      event: 5,
      detail: 0,
    })
    expect((await second[Symbol.asyncIterator]().next()).value).toEqual({
      kind: 'deviceRemoved',
      dom,
      devAlias: 'net1',
    })
    expect(pool.unroutedMessages).toBe(0)
  })

  it('that come before the answer of their registration are not lost', async () => {
    await pool.connect()
    fake.on(316, (call) => {
      call.session.message(LIFECYCLE, lifecycle(5, 2, 'early'))
      call.reply(u32(5))
      call.session.message(LIFECYCLE, lifecycle(5, 4, 'next'))
    })
    const seen: unknown[] = []
    for await (const item of pool.events('lifecycle')) {
      if (item.kind === 'lifecycle') seen.push(item.dom.name)
      if (seen.length === 2) break
    }
    expect(seen).toEqual(['early', 'next'])
  })

  it('of several kinds keep their order in one subscription', async () => {
    await pool.connect()
    const both = pool.events(['lifecycle', 'qemuMonitor'], { monitorEvent: 'SHUTDOWN' })
    await both.ready
    const monitorId = fake.lastCallbackId
    const details = '{"guest":true,"reason":"guest-reset"}'
    const control = fake.sessions[0]
    const monitor = cat(u32(monitorId), domain(), str('SHUTDOWN'), u64(1n), u32(2), some(str(details)))
    control?.message(6, monitor, QEMU)
    control?.message(LIFECYCLE, lifecycle(monitorId - 1, 6))
    const kinds: string[] = []
    for await (const item of both) {
      kinds.push(item.kind)
      if (item.kind === 'qemuMonitor')
        expect(item).toMatchObject({ event: 'SHUTDOWN', seconds: 1n, micros: 2, details })
      if (kinds.length === 2) break
    }
    expect(kinds).toEqual(['qemuMonitor', 'lifecycle'])
  })

  it('of QEMU’s monitor are asked for by name', async () => {
    await pool.connect()
    const asked = hold(4, QEMU)
    const subscription = pool.events('qemuMonitor', { monitorEvent: 'SHUTDOWN' })
    await until(() => asked.length === 1)
    expect(asked[0]?.payload).toEqual(cat(none, some(str('SHUTDOWN')), u32(0)))
    asked[0]?.fail(3, 'not supported by this connection')
    await expect(subscription.ready).rejects.toBeInstanceOf(LibvirtError)
    await expect(subscription[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 3 })
    expect(pool.connected).toBe(true)
  })

  it('whose registration hangs are asked for again on a new connection', async () => {
    await pool.connect()
    const asked = hold(316)
    const subscription = pool.events('lifecycle')
    await until(() => asked.length === 1)
    fake.on(316, (call) => call.reply(u32(9)))
    await clock.advance(30_000)
    await until(() => states.length === 2)
    await clock.advance(100)
    await subscription.ready
    fake.sessions[0]?.message(LIFECYCLE, lifecycle(9, 4))
    expect((await subscription[Symbol.asyncIterator]().next()).value).toMatchObject({ kind: 'lifecycle', event: 4 })
    expect(states).toEqual(['connected', 'disconnected', 'connected'])
  })

  it('that nobody asked for are counted', async () => {
    await pool.connect()
    const control = fake.sessions[0]
    control?.message(LIFECYCLE, lifecycle(99, 5))
    control?.message(999, u32(1))
    await until(() => pool.unroutedMessages === 2)
    expect(pool.connected).toBe(true)
  })

  it('are let go of when the consumer leaves, and when its signal says so', async () => {
    await pool.connect()
    const abort = new AbortController()
    const subscription = pool.events('reboot', { signal: abort.signal })
    await subscription.ready
    const calls = hold(317)
    const loop = (async () => {
      for await (const item of subscription) expect(item).toBeUndefined()
    })()
    await turn()
    abort.abort()
    await loop
    await until(() => calls.length === 1)
    expect(calls[0]?.payload).toEqual(u32(fake.lastCallbackId))
    calls[0]?.reply()
  })

  it('after the end of the pool end too', async () => {
    await pool.connect()
    const subscription = pool.events('lifecycle')
    await pool.close()
    expect(await subscription[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined })
    await expect(pool.events('lifecycle')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ effect: 'none' })
  })
})

describe('a lost connection', () => {
  it('is made again, with its subscriptions, and says so before the state does', async () => {
    await pool.connect()
    const subscription = pool.events('lifecycle')
    await subscription.ready
    const iterator = subscription[Symbol.asyncIterator]()
    fake.sessions[0]?.message(LIFECYCLE, lifecycle(fake.lastCallbackId, 2))
    expect((await iterator.next()).value).toMatchObject({ kind: 'lifecycle', event: 2 })
    await fake.crash()
    await until(() => states.length === 2)
    expect(states).toEqual(['connected', 'disconnected'])
    expect(pool.connected).toBe(false)
    expect(await failure(pool.call('ConnectGetType', {}, { lane: 'light' }))).toMatchObject({ effect: 'none' })
    await clock.advance(100)
    await until(() => states.length === 3)
    expect((await iterator.next()).value).toEqual({ kind: 'reconnected' })
    fake.sessions[0]?.message(LIFECYCLE, lifecycle(fake.lastCallbackId, 5))
    expect((await iterator.next()).value).toMatchObject({ kind: 'lifecycle', event: 5 })
  })

  it('is tried again with growing patience, up to five seconds', async () => {
    await pool.connect()
    await fake.crash({ listening: false })
    await until(() => states.length === 2)
    await clock.advance(100 + 200 + 400 + 800 + 1_600 + 3_200)
    await clock.advance(1_000)
    await fake.listen()
    const before = fake.accepted
    await clock.advance(3_999)
    expect(fake.accepted).toBe(before)
    await clock.advance(1)
    await until(() => states.length === 3)
    expect(states).toEqual(['connected', 'disconnected', 'connected'])
  })

  it('that hangs instead of refusing does not hold the reconnection for ever', async () => {
    await pool.connect()
    const calls = hold(66)
    await fake.crash()
    await until(() => states.length === 2)
    await clock.advance(100)
    await until(() => calls.length === 1)
    fake.on(66, (call) => call.reply(list(u32(0))))
    await clock.advance(30_000)
    await clock.advance(200)
    await until(() => states.length === 3)
    expect(pool.connected).toBe(true)
  })

  it('is not made again after closing', async () => {
    await pool.connect()
    await fake.crash()
    await until(() => states.length === 2)
    const before = fake.accepted
    await pool.close()
    await clock.advance(60_000)
    expect([fake.accepted, clock.waiting]).toEqual([before, 0])
  })

  it('is noticed by the heartbeat when libvirtd hangs; calls say that their effect is unknown', async () => {
    await pool.connect()
    fake.answersPings = false
    const held = hold(LOOKUP)
    const short = failure(pool.call('DomainLookupByName', { name: 'x' }, { timeoutMs: 1_000 }))
    await until(() => held.length === 1)
    await clock.advance(1_000)
    const error = await short
    expect(error).toBeInstanceOf(LibvirtTimeout)
    expect(error).toMatchObject({ effect: 'unknown' })
    await clock.advance(30_000)
    await until(() => states.length >= 2)
    expect(states[1]).toBe('disconnected')
  })

  it('leaves a subscription made while it is away waiting for the next one', async () => {
    await pool.connect()
    await fake.crash()
    await until(() => states.length === 2)
    const subscription = pool.events('lifecycle')
    await clock.advance(100)
    await subscription.ready
    fake.sessions[0]?.message(LIFECYCLE, lifecycle(fake.lastCallbackId, 4))
    expect((await subscription[Symbol.asyncIterator]().next()).value).toMatchObject({ kind: 'lifecycle', event: 4 })
  })
})
