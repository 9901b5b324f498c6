// A libvirtd that lies: whatever it sends, every call settles once with its own answer or a typed error, nothing is thrown outside, and
// memory stays bounded. The server is a fake, as no libvirtd sends such bytes.
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Connection } from '../../../../lib/libvirt/connection.ts'
import { ConnectionLost, LibvirtError, LibvirtTimeout, ProtocolError } from '../../../../lib/libvirt/errors.ts'
import { FrameParser } from '../../../../lib/libvirt/frame.ts'
import { LibvirtPool } from '../../../../lib/libvirt/index.ts'
import { Protocol } from '../../../../lib/libvirt/protocol.ts'
import { LibvirtStream } from '../../../../lib/libvirt/stream.ts'
import { runs } from '../../../support/fuzz.ts'
import {
  cat,
  frame,
  KEEPALIVE,
  list,
  MESSAGE,
  MORE,
  QEMU,
  REMOTE,
  REPLY,
  remoteError,
  STREAM,
  str,
  u32,
  zeroes,
} from './bytes.ts'
import { type Call, FakeLibvirtd, type Session } from './fake-libvirtd.ts'
import { ManualClock, until } from './manual-clock.ts'

const HOSTNAME = 59
const VERSION = 157
const CONSOLE = 201
const DEADLINE = { timeoutMs: 60_000 }
const PROTOCOL = new Protocol()

let fake: FakeLibvirtd
let clock: ManualClock
beforeEach(async () => {
  fake = await FakeLibvirtd.start()
  clock = new ManualClock()
})
afterEach(() => fake.stop())

const open = (onMessage?: () => void) =>
  Connection.open(
    {
      address: { socketPath: fake.socketPath },
      uri: 'test:///default',
      clock,
      protocol: PROTOCOL,
      keepalive: { intervalMs: 5_000, count: 5 },
      serverPings: true,
      maxInFlight: 4,
    },
    onMessage === undefined ? {} : { onMessage },
    DEADLINE,
  )

const newest = (): Session => {
  const session = fake.sessions.at(-1)
  if (session === undefined) throw new Error('nobody is connected')
  return session
}

const typed = (error: unknown): boolean =>
  error instanceof ConnectionLost || error instanceof LibvirtError || error instanceof LibvirtTimeout

const outcome = (promise: Promise<unknown>): Promise<{ value: unknown } | { error: unknown }> =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )

/** Words that libvirt's header knows, their neighbours, and any. */
const word = (...known: readonly number[]) =>
  fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: fc.integer() })
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ maxLength: 20 }).map(str),
  fc.integer({ min: -1, max: 70_000 }).map((count) => cat(u32(count), zeroes(8))),
  fc.constant(remoteError(42, 'no')),
)
const anyFrame = fc
  .record({
    program: word(REMOTE, QEMU, KEEPALIVE),
    version: word(1, 2),
    procedure: word(HOSTNAME, VERSION, CONSOLE, 1, 2, 318, 0),
    type: word(0, 1, 2, 3, 4, 5, 6, 7),
    serial: word(0, 1, 2, 3, 4, 5, 6),
    status: word(0, 1, 2, 3),
    payload,
  })
  .map(({ payload: body, ...head }) => frame(head, body))
const lie = fc.oneof(
  { weight: 6, arbitrary: anyFrame },
  // A length that is not the one of what follows.
  fc
    .tuple(anyFrame, fc.oneof(fc.constantFrom(0, 3, 27, 28, 29, 33_554_461, -1), fc.integer()))
    .map(([bytes, length]) => cat(u32(length), bytes.subarray(4))),
  fc.tuple(anyFrame, fc.nat(60)).map(([bytes, at]) => bytes.subarray(0, at)),
  fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
)

describe('a lying libvirtd', () => {
  it('never makes a call end with what is not its answer', async () => {
    const held: Call[] = []
    fake.on(HOSTNAME, (call) => void held.push(call))
    await fc.assert(
      fc.asyncProperty(fc.array(lie, { maxLength: 6 }), fc.boolean(), async (lies, ends) => {
        held.length = 0
        const connection = await open()
        const result = outcome(connection.call('ConnectGetHostname', {}, DEADLINE))
        await until(() => held.length === 1)
        const session = newest()
        for (const bytes of lies) session.send(bytes)
        if (ends) session.socket.end()
        else held[0]?.reply(str('honest'))
        // What is short of a whole frame keeps the client waiting: the deadline is there for that.
        let settled = false
        void result.then(() => {
          settled = true
        })
        for (let turns = 0; turns < 20 && !settled; turns++) await clock.advance(0)
        if (!settled) await clock.advance(DEADLINE.timeoutMs)
        const got = await result
        if ('error' in got) expect(typed(got.error), String(got.error)).toBe(true)
        else expect(typeof (got.value as { hostname: unknown }).hostname).toBe('string')
        connection.destroy(new Error('over'))
        expect(clock.waiting).toBe(0)
      }),
      runs(150),
    )
  })

  it.each([
    ['another procedure', { procedure: VERSION }],
    ['another program', { program: QEMU }],
    ['another version', { version: 2 }],
    ['a serial that no call has', { serial: 99 }],
    ['a status that answers do not have', { status: MORE }],
    ['an unknown type', { type: 9 }],
    ['an unknown status', { status: 7 }],
    ['a call of its own', { type: 0 }],
  ])('loses the connection by an answer with %s', async (_what, wrong) => {
    fake.on(HOSTNAME, ({ serial, session }) =>
      session.send(frame({ procedure: HOSTNAME, type: REPLY, serial, ...wrong }, str('x'))),
    )
    const connection = await open()
    const got = await outcome(connection.call('ConnectGetHostname', {}, DEADLINE))
    expect(got).toMatchObject({
      error: { name: 'ConnectionLost', effect: 'unknown', cause: { name: 'ProtocolError' } },
    })
    expect(connection.state).toBe('closed')
  })

  it.each([
    ['a string longer than the message', u32(1_000_000)],
    ['a string longer than any', cat(u32(0xffff_ffff), zeroes(4))],
    ['no string', Buffer.alloc(0)],
    ['leftovers', cat(str('x'), zeroes(4))],
  ])('loses the connection by %s', async (_what, body) => {
    fake.on(HOSTNAME, (call) => call.reply(body))
    const got = await outcome((await open()).call('ConnectGetHostname', {}, DEADLINE))
    expect(got).toMatchObject({ error: { cause: { name: 'ProtocolError' } } })
  })

  it('is not believed about the length of a list', async () => {
    const DOMAINS = 273
    for (const body of [cat(u32(0x7fff_ffff), u32(0)), cat(u32(16_384), u32(0)), list(u32(1))]) {
      fake.on(DOMAINS, (call) => call.reply(body))
      const args = { needResults: 1, flags: 0 }
      const got = await outcome((await open()).call('ConnectListAllDomains', args, DEADLINE))
      expect(got).toMatchObject({ error: { cause: { name: 'ProtocolError' } } })
    }
  })

  it('may answer after the deadline, once, and not twice', async () => {
    const calls: Call[] = []
    fake.on(HOSTNAME, (call) => calls.push(call))
    const connection = await open()
    const late = outcome(connection.call('ConnectGetHostname', {}, { timeoutMs: 10 }))
    await until(() => calls.length === 1)
    await clock.advance(10)
    expect(await late).toMatchObject({ error: { name: 'LibvirtTimeout', effect: 'unknown' } })
    calls[0]?.reply(str('late'))
    await until(() => connection.load === 0)
    calls[0]?.reply(str('again'))
    await until(() => connection.state === 'closed')
  })
})

describe('memory', () => {
  it('holds a frame that drips in byte by byte in few pieces', () => {
    const bytes = frame({ procedure: HOSTNAME, type: REPLY, serial: 1 }, zeroes(200_000))
    const parser = new FrameParser()
    const frames: number[] = []
    let pieces = 0
    const slab = Buffer.from(bytes)
    for (let at = 0; at < slab.length; at++) {
      parser.push(slab.subarray(at, at + 1), ({ payload: body }) => void frames.push(body.length))
      pieces = Math.max(pieces, parser.pieces)
    }
    expect(frames).toEqual([200_000])
    expect(pieces).toBeLessThan(40)
  })

  it('is not taken for pings whose answers nobody reads', async () => {
    const connection = await open()
    const session = newest()
    session.socket.pause()
    const pings = Buffer.concat(new Array(20_000).fill(frame({ program: KEEPALIVE, procedure: 1, type: MESSAGE })))
    for (let sent = 0; connection.state === 'ready' && sent < 40; sent++) {
      session.send(pings)
      await until(() => session.socket.writableLength === 0 || connection.state !== 'ready')
    }
    expect(connection.state).toBe('closed')
  })

  it('is not taken for messages of unknown kinds', async () => {
    let seen = 0
    const connection = await open(() => seen++)
    const session = newest()
    for (let procedure = 0; procedure < 2_000; procedure++)
      session.message(procedure, zeroes(4), procedure % 2 ? REMOTE : 7)
    await until(() => seen === 2_000)
    expect(connection.state).toBe('ready')
    await connection.close()
  })

  it('holds a stream that never ends to what its reader takes', async () => {
    fake.on(CONSOLE, (call) => call.reply())
    const connection = await open()
    const deps = { connection, protocol: PROTOCOL, clock, finishTimeoutMs: 1_000 }
    const args = { dom: { name: 'a', uuid: '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9', id: 1 }, devName: null, flags: 0 }
    const stream = await LibvirtStream.open(deps, 'DomainOpenConsole', args, DEADLINE)
    const session = newest()
    const packet = frame({ procedure: CONSOLE, type: STREAM, serial: 4, status: MORE }, zeroes(200_000))
    let sent = 0
    for (; sent < 200 && session.socket.writableLength < 8_000_000; sent++) {
      session.send(packet)
      await clock.advance(0)
    }
    // The client stopped reading long before 40 MB.
    expect(sent).toBeLessThan(200)
    for await (const _ of stream.readable) break
    expect(connection.state).toBe('closed')
  })

  it('loses a stream by a packet of another procedure', async () => {
    fake.on(CONSOLE, (call) => call.reply())
    const connection = await open()
    const deps = { connection, protocol: PROTOCOL, clock, finishTimeoutMs: 1_000 }
    const args = { dom: { name: 'a', uuid: '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9', id: 1 }, devName: null, flags: 0 }
    const stream = await LibvirtStream.open(deps, 'DomainOpenConsole', args, DEADLINE)
    newest().send(frame({ procedure: HOSTNAME, type: STREAM, serial: 4, status: MORE }, str('x')))
    const read = outcome(stream.readable[Symbol.asyncIterator]().next())
    expect(await read).toMatchObject({ error: { name: 'ConnectionLost', cause: { name: 'ProtocolError' } } })
  })
})

it('leaves the pool able to work once it behaves again', async () => {
  const pool = new LibvirtPool({ socketPath: fake.socketPath, uri: 'test:///default', clock })
  await pool.connect()
  fake.on(HOSTNAME, ({ session }) => session.send(Buffer.from('this is not libvirt, is it? this is not libvirt')))
  const broken = await outcome(pool.call('ConnectGetHostname', {}))
  expect(broken).toMatchObject({ error: { name: 'ConnectionLost' } })
  fake.on(HOSTNAME, (call) => call.reply(str('h1')))
  expect(await pool.call('ConnectGetHostname', {})).toEqual({ hostname: 'h1' })
  await pool.close()
})

it('is a ProtocolError for the parser, whatever comes', () => {
  fc.assert(
    fc.property(fc.array(lie, { maxLength: 8 }), fc.array(fc.nat(50)), (lies, cuts) => {
      const bytes = cat(...lies)
      const parser = new FrameParser()
      let at = 0
      try {
        for (const cut of [...cuts, bytes.length]) {
          const end = Math.min(bytes.length, at + cut + 1)
          parser.push(Buffer.from(bytes.subarray(at, end)), () => undefined)
          at = end
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError)
      }
    }),
    runs(100),
  )
})
