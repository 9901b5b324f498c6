import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Connection } from '../../../../lib/libvirt/connection.ts'
import type { ConnectionHandlers } from '../../../../lib/libvirt/connection-options.ts'
import {
  ArgumentError,
  ConnectionLost,
  LibvirtError,
  LibvirtTimeout,
  ProtocolError,
} from '../../../../lib/libvirt/errors.ts'
import { Protocol } from '../../../../lib/libvirt/protocol.ts'
import { CALL, cat, domain, frame, list, MESSAGE, QEMU, REPLY, STREAM, str, UUID_A, u32, u64 } from './bytes.ts'
import { type Call, FakeLibvirtd, type Session } from './fake-libvirtd.ts'
import { ManualClock, turn, until } from './manual-clock.ts'

const LOOKUP = 23
const TYPE = 3
const KEEPALIVE = { intervalMs: 5_000, count: 5 }
const WAIT = { timeoutMs: 30_000 }

let fake: FakeLibvirtd
let clock: ManualClock
let closed: Error[]

beforeEach(async () => {
  fake = await FakeLibvirtd.start()
  clock = new ManualClock()
  closed = []
})
afterEach(() => fake.stop())

const open = (handlers: ConnectionHandlers = {}, wait: { timeoutMs: number; signal?: AbortSignal } = WAIT) =>
  Connection.open(
    {
      address: { socketPath: fake.socketPath },
      uri: 'test:///default',
      clock,
      protocol: new Protocol(),
      keepalive: KEEPALIVE,
      serverPings: true,
      maxInFlight: 4,
    },
    { onClose: (cause) => closed.push(cause), ...handlers },
    wait,
  )

const only = (): Session => {
  const [session] = fake.sessions
  if (session === undefined) throw new Error('nobody is connected')
  return session
}

/** Collects the calls of a procedure instead of answering them. */
function hold(procedure: number): Call[] {
  const calls: Call[] = []
  fake.on(procedure, (call) => calls.push(call))
  return calls
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('expected a failure')
    },
    (error: unknown) => error,
  )

describe('opening', () => {
  it('authenticates, opens the URI and asks for the server’s pings', async () => {
    const order: number[] = []
    fake.on(66, (call) => {
      order.push(66)
      call.reply(list(u32(0)))
    })
    fake.on(1, (call) => {
      order.push(1)
      expect(call.payload).toEqual(cat(u32(1), str('test:///default'), u32(0)))
      call.reply()
    })
    fake.on(60, (call) => {
      order.push(call.payload.readInt32BE(0))
      call.reply(u32(1))
    })
    const connection = await open()
    expect(order).toEqual([66, 1, 10])
    expect(connection.state).toBe('ready')
    await connection.close()
  })

  it('asks polkit where libvirt wants it', async () => {
    fake.on(66, (call) => call.reply(list(u32(2))))
    let asked = 0
    fake.on(70, (call) => {
      asked++
      call.reply(u32(1))
    })
    await (await open()).close()
    expect(asked).toBe(1)
  })

  it('says so when it cannot authenticate', async () => {
    fake.on(66, (call) => call.reply(list(u32(1))))
    expect(await failure(open())).toMatchObject({ name: 'ConnectionLost', effect: 'none' })
    expect(closed).toEqual([])
  })

  it('passes on libvirt’s refusal of the URI, and hangs up', async () => {
    fake.on(1, (call) => call.fail(5, 'no connection driver available'))
    expect(await failure(open())).toMatchObject({ name: 'LibvirtError', code: 5 })
    await until(() => fake.sessions.length === 0)
  })

  it('fails without effect when nobody listens', async () => {
    await fake.crash({ listening: false })
    const error = await failure(open())
    expect(error).toBeInstanceOf(ConnectionLost)
    expect(error).toMatchObject({ effect: 'none', cause: { code: 'ENOENT' } })
  })

  it('fails at its deadline when libvirt accepts and says nothing', async () => {
    hold(66)
    const opening = failure(open())
    await until(() => fake.sessions.length === 1)
    await clock.advance(30_000)
    expect(await opening).toBeInstanceOf(LibvirtTimeout)
    await until(() => fake.sessions.length === 0)
  })

  it('can be aborted', async () => {
    const abort = new AbortController()
    const calls = hold(66)
    const opening = failure(open({}, { timeoutMs: 1_000, signal: abort.signal }))
    await until(() => calls.length === 1)
    abort.abort(new Error('not any more'))
    expect(await opening).toMatchObject({ message: 'not any more' })
    expect(clock.waiting).toBe(0)
  })

  it('notices that the session ended with its last answer', async () => {
    fake.on(60, (call) => {
      call.reply(u32(1))
      call.session.send(u32(3))
    })
    expect(await failure(open())).toBeInstanceOf(Error)
    expect(closed).toEqual([])
  })
})

describe('calls', () => {
  it('get their own answers, in whatever order these come', async () => {
    const connection = await open()
    const calls = hold(LOOKUP)
    const names = ['a', 'b', 'c', 'd']
    const answers = names.map((name) => connection.call('DomainLookupByName', { name }, WAIT))
    await until(() => calls.length === 4)
    for (const [index, call] of [...calls.entries()].reverse()) call.reply(domain(names[index], index))
    expect((await Promise.all(answers)).map(({ dom }) => [dom.name, dom.id])).toEqual([
      ['a', 0],
      ['b', 1],
      ['c', 2],
      ['d', 3],
    ])
    expect(connection.load).toBe(0)
    expect(clock.waiting).toBe(1) // the heartbeat's; no deadline is left behind
    await connection.close()
  })

  it('reject with libvirt’s error, and the connection goes on', async () => {
    const connection = await open()
    fake.on(LOOKUP, (call) => call.fail(42, 'Domain not found'))
    const error = await failure(connection.call('DomainLookupByName', { name: 'x' }, WAIT))
    expect(error).toBeInstanceOf(LibvirtError)
    expect(error).toMatchObject({
      code: 42,
      domain: 10,
      level: 2,
      message: 'Domain not found',
      procedure: 'DomainLookupByName',
    })
    fake.on(LOOKUP, (call) => call.reply(domain()))
    expect(await connection.call('DomainLookupByName', { name: 'x' }, WAIT)).toEqual({
      dom: { name: 'a', uuid: UUID_A, id: 1 },
    })
    await connection.close()
  })

  it('with an argument that does not fit are refused by field, and nothing is sent', async () => {
    const connection = await open()
    const dom = { name: 'a', uuid: 'nonsense', id: 1 }
    const error = await failure(connection.call('DomainCreateWithFlags', { dom, flags: 0 }, WAIT))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(error).toMatchObject({ message: expect.stringContaining('DomainCreateWithFlags.dom.uuid') })
    expect(connection.load).toBe(0)
    await connection.close()
  })

  it('that time out say that their effect is unknown; the late answer hurts nobody', async () => {
    let room = 0
    const connection = await open({ onRoom: () => room++ })
    const before = room
    const calls = hold(LOOKUP)
    const call = failure(connection.call('DomainLookupByName', { name: 'slow' }, { timeoutMs: 1_000 }))
    await until(() => calls.length === 1)
    await clock.advance(999)
    await clock.advance(1)
    const error = await call
    expect(error).toBeInstanceOf(LibvirtTimeout)
    expect(error).toMatchObject({ effect: 'unknown', procedure: 'DomainLookupByName' })
    expect(connection.load).toBe(1)
    calls[0]?.reply(domain())
    await until(() => connection.load === 0)
    expect(room).toBe(before + 1)
    expect(connection.state).toBe('ready')
    await connection.close()
  })

  it('that time out and are answered late, however many, do not use the connection up', async () => {
    const connection = await open()
    const calls = hold(LOOKUP)
    for (let i = 0; i < 10; i++) {
      const call = failure(connection.call('DomainLookupByName', { name: 'slow' }, { timeoutMs: 100 }))
      await until(() => calls.length === 1)
      await clock.advance(100)
      expect(await call).toBeInstanceOf(LibvirtTimeout)
      calls.pop()?.reply(domain())
      await until(() => connection.load === 0)
    }
    expect(connection.state).toBe('ready')
    await connection.close()
  })

  it('can be aborted, with the signal’s reason', async () => {
    const connection = await open()
    const calls = hold(LOOKUP)
    const abort = new AbortController()
    const call = failure(connection.call('DomainLookupByName', { name: 'x' }, { ...WAIT, signal: abort.signal }))
    await until(() => calls.length === 1)
    const reason = new Error('the caller left')
    abort.abort(reason)
    expect(await call).toBe(reason)
    expect(await failure(connection.call('DomainLookupByName', { name: 'x' }, { ...WAIT, signal: abort.signal }))).toBe(
      reason,
    )
    await turn()
    expect(calls.length).toBe(1)
    await connection.close()
  })

  it('that all time out give the connection up: no request slot would ever be free again', async () => {
    const connection = await open()
    hold(LOOKUP)
    const wait = { timeoutMs: 1_000 }
    const calls = [1, 2, 3, 4].map(() => failure(connection.call('DomainLookupByName', { name: 'x' }, wait)))
    await clock.advance(1_000)
    for (const call of calls) expect(await call).toBeInstanceOf(LibvirtTimeout)
    expect(connection.state).toBe('closed')
    expect(closed[0]?.message).toContain('every request slot')
  })

  it('all fail with ConnectionLost and its cause when the connection ends', async () => {
    const connection = await open()
    const calls = hold(LOOKUP)
    const waiting = [1, 2].map(() => failure(connection.call('DomainLookupByName', { name: 'x' }, WAIT)))
    await until(() => calls.length === 2)
    await fake.crash()
    for (const call of waiting) {
      expect(await call).toMatchObject({ name: 'ConnectionLost', effect: 'unknown', cause: closed[0] })
    }
    expect(closed.length).toBe(1)
    const late = await failure(connection.call('DomainLookupByName', { name: 'x' }, WAIT))
    expect(late).toMatchObject({ name: 'ConnectionLost', effect: 'none' })
  })

  it('are said goodbye to when this side closes', async () => {
    const connection = await open()
    let goodbyes = 0
    fake.on(2, (call) => {
      goodbyes++
      call.reply()
    })
    await connection.close()
    await connection.close()
    expect([goodbyes, connection.state, closed.length]).toEqual([1, 'closed', 1])
  })

  it('do not hold up closing when libvirt hangs', async () => {
    const connection = await open()
    const calls = hold(2)
    const closing = connection.close()
    await until(() => calls.length === 1)
    await clock.advance(1_000)
    await closing
    expect(connection.state).toBe('closed')
  })
})

describe('bytes that are not the protocol end the connection', () => {
  const rows: readonly [string, (call: Call) => Uint8Array][] = [
    ['an impossible length', () => u32(12)],
    ['an answer to no call', (call) => frame({ procedure: LOOKUP, type: REPLY, serial: call.serial + 1 }, domain())],
    ['the answer of another procedure', (call) => frame({ procedure: 24, type: REPLY, serial: call.serial }, domain())],
    [
      'the answer of another program',
      (call) => frame({ program: QEMU, procedure: LOOKUP, type: REPLY, serial: call.serial }, domain()),
    ],
    [
      'an answer that ends early',
      (call) => frame({ procedure: LOOKUP, type: REPLY, serial: call.serial }, domain().subarray(4)),
    ],
    [
      'an answer with leftovers',
      (call) => frame({ procedure: LOOKUP, type: REPLY, serial: call.serial }, cat(domain(), u32(0))),
    ],
    [
      'an answer with a stream’s status',
      (call) => frame({ procedure: LOOKUP, type: REPLY, serial: call.serial, status: 2 }, domain()),
    ],
    [
      'an error that is none',
      (call) => frame({ procedure: LOOKUP, type: REPLY, serial: call.serial, status: 1 }, u32(1)),
    ],
    ['a call from the server', (call) => frame({ procedure: LOOKUP, type: CALL, serial: call.serial })],
    [
      'descriptors, which no socket of ours can take',
      (call) => frame({ procedure: LOOKUP, type: 5, serial: call.serial }),
    ],
    ['an odd keepalive', () => frame({ program: 0x6b656570, procedure: 3, type: MESSAGE })],
  ]
  it.each(rows)('%s', async (_title, bytes) => {
    const connection = await open()
    fake.on(LOOKUP, (call) => call.session.send(bytes(call)))
    const error = await failure(connection.call('DomainLookupByName', { name: 'x' }, WAIT))
    expect(error).toBeInstanceOf(ConnectionLost)
    expect((error as Error).cause).toBeInstanceOf(ProtocolError)
    expect(connection.state).toBe('closed')
  })

  it('a handler that finds a message malformed ends it too', async () => {
    const connection = await open({
      onMessage: () => {
        throw new ProtocolError('malformed event')
      },
    })
    only().message(318, u32(0))
    await until(() => connection.state === 'closed')
    expect(closed[0]?.message).toBe('malformed event')
  })

  it('but stream data that belongs to nobody is only the tail of an aborted stream', async () => {
    const connection = await open()
    only().send(frame({ procedure: 201, type: STREAM, serial: 77, status: 2 }, Buffer.from('late')))
    fake.on(TYPE, (call) => call.reply(str('QEMU')))
    expect(await connection.call('ConnectGetType', {}, WAIT)).toEqual({ type: 'QEMU' })
    await connection.close()
  })
})

describe('keepalive', () => {
  it('answers the server’s pings', async () => {
    const connection = await open()
    const session = only()
    session.ping()
    await until(() => session.pongs === 1)
    await connection.close()
  })

  it('pings a silent server and is content with its answer', async () => {
    const connection = await open()
    const session = only()
    for (let i = 1; i <= 20; i++) {
      await clock.advance(5_000)
      await until(() => session.pings === i)
      await turn()
      await turn()
    }
    expect(connection.state).toBe('ready')
    await connection.close()
  })

  it('gives a server up that answers none of five pings, and fails the calls', async () => {
    const connection = await open()
    fake.answersPings = false
    hold(LOOKUP)
    const call = failure(connection.call('DomainLookupByName', { name: 'x' }, { timeoutMs: 600_000 }))
    await clock.advance(29_999)
    expect(connection.state).toBe('ready')
    await clock.advance(1)
    expect(await call).toMatchObject({
      name: 'ConnectionLost',
      cause: { message: expect.stringContaining('5 keepalive pings') },
    })
  })

  it('does not hold our own pause against the server', async () => {
    const connection = await open()
    fake.answersPings = false
    connection.pause()
    await clock.advance(120_000)
    expect(connection.state).toBe('ready')
    connection.resume()
    await clock.advance(60_000)
    expect(connection.state).toBe('closed')
  })
})

describe('64 bit values', () => {
  it('cross as bigints', async () => {
    const connection = await open()
    fake.on(157, (call) => call.reply(u64(2n ** 64n - 1n)))
    expect(await connection.call('ConnectGetLibVersion', {}, WAIT)).toEqual({ libVer: 2n ** 64n - 1n })
    await connection.close()
  })
})
