import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LibvirtError, LibvirtTimeout } from '../../../../lib/libvirt/errors.ts'
import { LibvirtPool } from '../../../../lib/libvirt/pool.ts'
import { ERROR, frame, MORE, OK, remoteError, some, str, UUID_A } from './bytes.ts'
import { type Call, FakeLibvirtd } from './fake-libvirtd.ts'
import { ManualClock, turn, until } from './manual-clock.ts'

const CONSOLE = 201
const dom = { name: 'a', uuid: UUID_A, id: 1 }
const vol = { pool: 'p', name: 'v', key: '/k' }

let fake: FakeLibvirtd
let clock: ManualClock
let pool: LibvirtPool
let opened: Call[]

beforeEach(async () => {
  fake = await FakeLibvirtd.start()
  clock = new ManualClock()
  opened = []
  pool = new LibvirtPool({ socketPath: fake.socketPath, uri: 'test:///default', clock })
  for (const procedure of [CONSOLE, 208, 209]) {
    fake.on(procedure, (call) => {
      opened.push(call)
      call.reply()
    })
  }
})
afterEach(async () => {
  await pool.close()
  await fake.stop()
})

const opener = (): Call => {
  const [call] = opened
  if (call === undefined) throw new Error('no stream was opened')
  return call
}
const openConsole = (signal?: AbortSignal) =>
  pool.stream('DomainOpenConsole', { dom, devName: null, flags: 1 }, signal === undefined ? {} : { signal })
const upload = () => pool.stream('StorageVolUpload', { vol, offset: 0n, length: 0n, flags: 0 })
const download = () => pool.stream('StorageVolDownload', { vol, offset: 0n, length: 0n, flags: 0 })
const text = (chunk: Uint8Array | undefined) => Buffer.from(chunk ?? []).toString()
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('expected a failure')
    },
    (error: unknown) => error,
  )

async function readAll(stream: { readonly readable: AsyncIterable<Uint8Array> }): Promise<string> {
  let all = ''
  for await (const chunk of stream.readable) all += text(chunk)
  return all
}

describe('a stream', () => {
  it('has a connection of its own, on which libvirtd is not asked to ping', async () => {
    const features: number[] = []
    fake.on(60, (call) => {
      features.push(call.payload.readInt32BE(0))
      call.reply(Buffer.from([0, 0, 0, 1]))
    })
    const stream = await openConsole()
    expect([fake.sessions.length, features]).toEqual([1, []])
    stream.abort()
    await until(() => fake.sessions.length === 0)
  })

  it('gives what came in the same bytes as its opening', async () => {
    fake.on(CONSOLE, (call) => {
      opened.push(call)
      call.session.send(
        Buffer.concat([
          frame({ procedure: CONSOLE, type: 1, serial: call.serial }),
          frame({ procedure: CONSOLE, type: 3, serial: call.serial, status: MORE }, Buffer.from('login: ')),
        ]),
      )
    })
    const stream = await openConsole()
    const { value } = await stream.readable[Symbol.asyncIterator]().next()
    expect(text(value as Uint8Array)).toBe('login: ')
    stream.abort()
  })

  it('gathers small packets', async () => {
    const stream = await openConsole()
    const { session, serial } = opener()
    const iterator = stream.readable[Symbol.asyncIterator]()
    const next = iterator.next()
    session.send(
      Buffer.concat(
        ['a', 'b', 'c'].map((letter) =>
          frame({ procedure: CONSOLE, type: 3, serial, status: MORE }, Buffer.from(letter)),
        ),
      ),
    )
    expect(text((await next).value as Uint8Array)).toBe('abc')
    stream.abort()
  })

  it('writes in order, in packets that libvirtd takes', async () => {
    const stream = await upload()
    const big = Buffer.alloc(600_000, 'x')
    await Promise.all([stream.write(Buffer.from('first')), stream.write(big), stream.write(Buffer.from('last'))])
    const { packets } = opener().session
    await until(() => packets.length === 5)
    expect(packets.map(({ payload }) => payload.length)).toEqual([5, 262_120, 262_120, 75_760, 4])
    expect(new Set(packets.map(({ status, serial, procedure }) => `${status} ${serial} ${procedure}`))).toEqual(
      new Set([`${MORE} ${opener().serial} 208`]),
    )
    stream.abort()
  })

  it('at the end of the data finishes, and ends when libvirt has confirmed', async () => {
    const stream = await download()
    const call = opener()
    let ended = false
    const all = readAll(stream).then((value) => {
      ended = true
      return value
    })
    call.packet(MORE, Buffer.from('data'))
    call.packet(MORE)
    await until(() => call.session.packets.length === 1)
    expect(call.session.packets[0]).toMatchObject({ status: OK })
    await turn()
    expect(ended).toBe(false)
    call.packet(OK)
    expect(await all).toBe('data')
    await until(() => fake.sessions.length === 0)
  })

  it('throws when libvirt confirms with an error: the data may be short', async () => {
    const stream = await download()
    const call = opener()
    const all = failure(readAll(stream))
    call.packet(MORE)
    await until(() => call.session.packets.length === 1)
    call.packet(ERROR, remoteError(38, 'cannot read the volume'))
    expect(await all).toMatchObject({ name: 'LibvirtError', code: 38, procedure: 'StorageVolDownload' })
  })

  it('finishes an upload once, after all writes', async () => {
    const stream = await upload()
    const write = stream.write(Buffer.from('abc'))
    const finishes = [stream.finish(), stream.finish()]
    const { session } = opener()
    await until(() => session.packets.length === 2)
    expect(session.packets.map(({ status }) => status)).toEqual([MORE, OK])
    opener().packet(OK)
    await Promise.all([write, ...finishes])
    expect(await failure(stream.write(Buffer.from('more')))).toMatchObject({ message: 'the stream has ended' })
  })

  it('fails its writes and its finish with libvirt’s error in the middle of an upload', async () => {
    const stream = await upload()
    await stream.write(Buffer.from('abc'))
    opener().packet(ERROR, remoteError(38, 'No space left on device'))
    await until(() => fake.sessions.length === 0)
    expect(await failure(stream.write(Buffer.from('def')))).toBeInstanceOf(LibvirtError)
    expect(await failure(stream.finish())).toMatchObject({ message: 'No space left on device' })
  })

  it('does not wait for ever for a confirmation', async () => {
    const stream = await upload()
    const finish = failure(stream.finish())
    await until(() => opener().session.packets.length === 1)
    await clock.advance(30_000)
    expect(await finish).toBeInstanceOf(LibvirtTimeout)
    await until(() => fake.sessions.length === 0)
    expect(clock.waiting).toBe(0)
  })

  it('that libvirt refuses leaves no connection behind', async () => {
    fake.on(CONSOLE, (call) => call.fail(9, 'Active console session exists for this domain'))
    expect(await failure(openConsole())).toMatchObject({ name: 'LibvirtError', code: 9 })
    await until(() => fake.sessions.length === 0)
  })

  it('aborts when the reader leaves, and says so to libvirt', async () => {
    const stream = await openConsole()
    const { session } = opener()
    opener().packet(MORE, Buffer.from('x'))
    for await (const chunk of stream.readable) {
      expect(text(chunk)).toBe('x')
      break
    }
    await until(() => session.packets.length === 1)
    expect(session.packets[0]).toMatchObject({ status: ERROR, serial: opener().serial })
    await until(() => fake.sessions.length === 0)
  })

  it('aborts with its signal: readers and writers get the reason', async () => {
    const abort = new AbortController()
    const stream = await openConsole(abort.signal)
    const read = failure(readAll(stream))
    await turn()
    const reason = new Error('the viewer went away')
    abort.abort(reason)
    expect(await read).toBe(reason)
    expect(await failure(stream.write(Buffer.from('x')))).toBe(reason)
  })

  it('whose connection is lost says so to its reader', async () => {
    const stream = await openConsole()
    const read = failure(readAll(stream))
    await turn()
    await fake.crash()
    expect(await read).toMatchObject({ name: 'ConnectionLost' })
  })

  it('holds libvirt back when nobody reads, and goes on when somebody does', async () => {
    const stream = await download()
    const call = opener()
    const packet = Buffer.alloc(262_120, 'd')
    const count = 60
    for (let i = 0; i < count; i++) call.packet(MORE, packet)
    call.packet(MORE)
    // Real time, ten times what the sockets need for all of it: how far they are is not visible from here.
    await new Promise((resolve) => setTimeout(resolve, 500))
    // Neither held by us nor by the kernel's small buffers: still in the server's hands.
    expect(call.session.socket.writableLength).toBeGreaterThan(10_000_000)
    const all = readAll(stream)
    await until(() => call.session.packets.length === 1)
    call.packet(OK)
    expect((await all).length).toBe(count * packet.length)
  })

  it('does not take holes', async () => {
    const stream = await download()
    const call = opener()
    const read = failure(readAll(stream))
    call.session.send(frame({ procedure: 209, type: 6, serial: call.serial, status: MORE }, Buffer.alloc(12)))
    expect(await read).toMatchObject({ name: 'ConnectionLost', cause: { message: 'sparse streams are not supported' } })
  })

  it('can return something from its opening call', async () => {
    fake.on(211, (call) => {
      opened.push(call)
      call.reply(some(str('image/png')))
    })
    const stream = await pool.stream('DomainScreenshot', { dom, screen: 0, flags: 0 })
    expect(stream.result).toEqual({ mime: 'image/png' })
    stream.abort()
  })

  it('ends with the pool', async () => {
    const stream = await openConsole()
    const read = failure(readAll(stream))
    await turn()
    await pool.close()
    expect(await read).toMatchObject({ name: 'ConnectionLost' })
    expect(await failure(openConsole())).toMatchObject({ name: 'ConnectionLost', effect: 'none' })
  })
})
