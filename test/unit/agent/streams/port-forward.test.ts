// Port forwards without a guest: which connections are made at all, and ends that a real guest gives only after minutes. Real
// sockets on loopback stand for the guest; libvirt and the cache are fakes that say what the test wants.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { guestPort } from '../../../../agent/streams/forward-port.ts'
import { PortForward, type PortForwardDeps } from '../../../../agent/streams/port-forward.ts'
import type { ConnectTarget } from '../../../../lib/apiserver/connect.ts'
import { openStream } from '../../../../lib/client/streams.ts'
import { socketTarget } from '../../../../lib/client/target.ts'
import type { Clock } from '../../../../lib/clock.ts'
import type { Change } from '../../../../lib/store/store.ts'
import { eventually } from '../../../support/eventually.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { type StreamServer, startStreamServer } from '../../../support/stream-server.ts'
import { machineIn } from './machine.ts'

const LOOPBACK = { address: '127.0.0.1', from: '127.0.0.1' }

let guest: Server
let port: number
let accepted: Socket[]
let reach: typeof LOOPBACK | null
let tell: (change: Change) => void
let server: StreamServer | undefined
beforeEach(async () => {
  accepted = []
  reach = LOOPBACK
  guest = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    accepted.push(socket)
  }).listen(0, '127.0.0.1')
  await once(guest, 'listening')
  port = (guest.address() as AddressInfo).port
})
afterEach(async () => {
  await server?.stop()
  server = undefined
  for (const socket of accepted) socket.destroy()
  guest.close()
})

function make(clock?: Clock): PortForward {
  const deps = {
    libvirt: { call: async () => ({ dom: { name: 'default.web', uuid: 'u1', id: 1 } }) },
    reader: {
      get: () => machineIn('Running'),
      onChange: (listener: typeof tell) => {
        tell = listener
        return () => undefined
      },
    },
    log: { info: () => undefined, warn: () => undefined },
    reach: () => reach,
    ...(clock === undefined ? {} : { clock }),
  }
  return new PortForward(deps as unknown as PortForwardDeps)
}

const target = (query: string): ConnectTarget => ({
  namespace: 'default',
  name: 'web',
  query: new URLSearchParams(query),
  user: 'u',
  client: 'c',
})

async function open(query: string, clock?: Clock) {
  server = await startStreamServer(make(clock))
  return await openStream(socketTarget(server.socketPath), { path: `/default/web?${query}`, userAgent: 't' })
}

const put = (before: string, after: string): Change => ({
  type: 'put',
  entry: {
    key: { resource: 'virtualmachines', namespace: 'default', name: 'web' },
    value: machineIn(after),
    revision: 2n,
  },
  previous: machineIn(before),
})

describe('what a request names', () => {
  it.each([
    ['port=22', { protocol: 'tcp', port: 22, halfClose: false }],
    ['port=22&protocol=', { protocol: 'tcp', port: 22, halfClose: false }],
    ['port=65535&protocol=udp', { protocol: 'udp', port: 65_535, halfClose: false }],
    ['port=1&halfClose=true', { protocol: 'tcp', port: 1, halfClose: true }],
  ])('%s', (query, wanted) => expect(guestPort(new URLSearchParams(query))).toEqual(wanted))

  it.each([
    '',
    'port=',
    'port=0',
    'port=65536',
    'port=22x',
    'port=1e3',
    'port=22&protocol=sctp',
    'port=1&halfClose=maybe',
  ])('%j is refused', (query) =>
    expect(() => guestPort(new URLSearchParams(query))).toThrow(expect.objectContaining({ code: 400 })),
  )
})

describe('before the upgrade', () => {
  it('a machine without a lease is not connected to', async () => {
    reach = null
    await expect(make().check(target('port=22'), AbortSignal.timeout(5_000))).rejects.toMatchObject({
      reason: 'Conflict',
      message: expect.stringContaining('has no address yet'),
    })
    expect(accepted).toEqual([])
  })

  it('a client that is gone leaves no connection behind', async () => {
    const opened = await make().open(target(`port=${port}`), AbortSignal.timeout(5_000))
    await eventually(() => expect(accepted).toHaveLength(1))
    const ended = once(accepted[0] as Socket, 'end')
    accepted[0]?.resume()
    opened.drop()
    await ended
  })

  it('a machine has 256 connections at most, and those that end make room', async () => {
    const forward = make()
    const opened = []
    for (let count = 0; count < 256; count++)
      opened.push(await forward.open(target(`port=${port}`), AbortSignal.timeout(5_000)))
    const another = () => forward.check(target(`port=${port}`), AbortSignal.timeout(5_000))
    await expect(another()).rejects.toMatchObject({ reason: 'TooManyRequests' })
    opened.pop()?.drop()
    await another()
    for (const { drop } of opened) drop()
  })
})

describe('the end', () => {
  it('of the run ends the connection; other changes of the machine do not', async () => {
    const stream = await open(`port=${port}`)
    await eventually(() => expect(accepted).toHaveLength(1))
    for (const [before, after] of [
      ['Pending', 'Starting'],
      ['Running', 'Running'],
      ['Running', 'Stopping'],
    ])
      tell(put(before ?? '', after ?? ''))
    await stream.write(Buffer.from('on'))
    expect(String((await once(accepted[0] as Socket, 'data'))[0])).toBe('on')
    tell(put('Stopping', 'Stopped'))
    expect(await stream.ended).toEqual({ code: 1000, reason: 'the virtual machine stopped' })
  })

  it('of the guest comes after all that it said', async () => {
    const stream = await open(`port=${port}`)
    await eventually(() => expect(accepted).toHaveLength(1))
    accepted[0]?.end(Buffer.alloc(1_000_000))
    let size = 0
    for await (const chunk of stream.readable) size += chunk.length
    expect(size).toBe(1_000_000)
    expect(await stream.ended).toEqual({ code: 1000, reason: 'the connection was closed' })
  })

  it('of a client comes after all that it said', async () => {
    const stream = await open(`port=${port}`)
    await eventually(() => expect(accepted).toHaveLength(1))
    let size = 0
    accepted[0]?.on('data', (chunk) => {
      size += chunk.length
    })
    const ended = once(accepted[0] as Socket, 'end')
    await stream.write(Buffer.alloc(1_000_000))
    stream.close()
    await ended
    expect(size).toBe(1_000_000)
  })

  it('by a fault of the guest is told as one', async () => {
    const stream = await open(`port=${port}`)
    await eventually(() => expect(accepted).toHaveLength(1))
    accepted[0]?.resetAndDestroy()
    expect(await stream.ended).toEqual({ code: 1011, reason: 'the connection to the guest failed: read ECONNRESET' })
  })

  it('of a direction is an empty message, when the client knows that', async () => {
    const stream = await open(`port=${port}&halfClose=true`)
    await eventually(() => expect(accepted).toHaveLength(1))
    const iterator = stream.readable[Symbol.asyncIterator]()
    accepted[0]?.end('bye')
    expect(Buffer.from((await iterator.next()).value ?? []).toString()).toBe('bye')
    expect((await iterator.next()).value).toHaveLength(0)
    const late = once(accepted[0] as Socket, 'data')
    await stream.write(Buffer.from('still heard'))
    expect(String((await late)[0])).toBe('still heard')
    await stream.write(new Uint8Array(0))
    expect(await stream.ended).toEqual({ code: 1000, reason: 'the connection was closed' })
  })
})

it('a guest that reads nothing holds the client back instead of filling memory', async () => {
  const stream = await open(`port=${port}`)
  await eventually(() => expect(accepted).toHaveLength(1))
  accepted[0]?.pause()
  let sent = 0
  const sending = (async () => {
    for (; sent < 1_024; sent++) await stream.write(new Uint8Array(65_536))
  })().catch(() => undefined)
  await eventually(async () => {
    const before = sent
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect([before, sent < 1_024]).toEqual([sent, true])
  })
  stream.close()
  await sending
})

describe('UDP', () => {
  it('ends after five minutes without a datagram, and not before', async () => {
    const clock = new ManualClock()
    const far = createSocket('udp4')
    far.on('message', (datagram, { port: to, address }) => far.send(datagram, to, address))
    await new Promise<void>((resolve) => far.bind(0, '127.0.0.1', () => resolve()))
    const stream = await open(`port=${far.address().port}&protocol=udp`, clock)
    const iterator = stream.readable[Symbol.asyncIterator]()
    for (const size of [0, 3, 65_507]) {
      await clock.advance(240_000)
      await stream.write(Buffer.alloc(size))
      expect((await iterator.next()).value).toHaveLength(size)
    }
    await clock.advance(330_000)
    expect(await stream.ended).toEqual({ code: 1000, reason: 'no datagram for 5 minutes' })
    far.close()
  })

  it('a message that no datagram can carry ends it in words, and a guest that does not listen does not', async () => {
    const stream = await open('port=9&protocol=udp')
    await stream.write(Buffer.from('lost'))
    await stream.write(Buffer.from('lost too'))
    await stream.write(Buffer.alloc(65_508))
    expect(await stream.ended).toEqual({ code: 1008, reason: 'a datagram has 65507 bytes at most' })
  })
})
