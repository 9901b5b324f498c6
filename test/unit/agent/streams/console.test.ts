// The console's endings that a real guest does not give: silent clients, slow clients, faults of libvirt.
import { once } from 'node:events'
import { afterEach, expect, it } from 'vitest'
import WebSocket from 'ws'
import { consoleStream } from '../../../../agent/streams/console.ts'
import { fitReason } from '../../../../agent/streams/ending.ts'
import type { StreamDeps } from '../../../../agent/streams/exclusive.ts'
import { openStream } from '../../../../lib/client/streams.ts'
import { socketTarget } from '../../../../lib/client/target.ts'
import type { Clock } from '../../../../lib/clock.ts'
import { ConnectionLost, ErrorNumber, LibvirtError } from '../../../../lib/libvirt/index.ts'
import type { KubeObject } from '../../../../lib/object.ts'
import { eventually } from '../../../support/eventually.ts'
import { ManualClock, settle } from '../../../support/manual-clock.ts'
import { type StreamServer, startStreamServer } from '../../../support/stream-server.ts'
import { machineIn } from './machine.ts'

const MACHINE = machineIn('Running')

/** One domain whose console is driven by the test. */
class FakeLibvirt {
  active = true
  id = 1
  lost = false
  /** How often the console is asked for in vain: the domain is being started. */
  starting = 0
  readonly written: Uint8Array[] = []
  #queue: (Uint8Array | Error | null)[] = []
  #wake = () => {}
  #stuck = false

  put(item: Uint8Array | Error | null): void {
    this.#queue.push(item)
    this.#wake()
  }

  /** The guest no longer reads. */
  stick(): void {
    this.#stuck = true
  }

  call = async () => {
    if (this.lost) throw new ConnectionLost('gone', 'none')
    if (!this.active)
      throw new LibvirtError('x', { code: ErrorNumber.ERR_NO_DOMAIN, domain: 0, level: 2, message: 'no domain' })
    return { dom: { name: 'default.web', uuid: 'u1', id: this.id } }
  }

  stream = async (_name: string, _args: object, { signal }: { signal: AbortSignal }) => {
    if (this.starting-- > 0)
      throw new LibvirtError('DomainOpenConsole', {
        code: ErrorNumber.ERR_OPERATION_FAILED,
        domain: 10,
        level: 2,
        message: 'operation failed: PTY device is not yet assigned',
      })
    signal.addEventListener('abort', () =>
      this.put(signal.reason instanceof Error ? signal.reason : new Error('aborted')),
    )
    return {
      readable: this.#read(),
      write: async (chunk: Uint8Array) => {
        if (this.#stuck) await new Promise(() => {})
        this.written.push(chunk)
      },
    }
  }

  async *#read(): AsyncIterable<Uint8Array> {
    for (;;) {
      const item = this.#queue.shift()
      if (item === null) return
      if (item instanceof Error) throw item
      if (item !== undefined) yield item
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }
}

let server: StreamServer | undefined
afterEach(async () => {
  await server?.stop()
  server = undefined
})

async function start(clock?: Clock) {
  const libvirt = new FakeLibvirt()
  const reasons: unknown[] = []
  const log = {
    info: (facts: object) => void ('reason' in facts && reasons.push(facts.reason)),
    warn: () => undefined,
  }
  const stream = consoleStream({
    libvirt: libvirt as unknown as StreamDeps['libvirt'],
    reader: { get: <T extends KubeObject>() => MACHINE as T },
    events: { record: () => undefined },
    log,
    ...(clock === undefined ? {} : { clock }),
  })
  server = await startStreamServer(stream)
  const { socketPath } = server
  const target = { namespace: 'default', name: 'web', query: new URLSearchParams(), user: 'u', client: 'c' }
  return {
    libvirt,
    reasons,
    holder: () => stream.probe(target),
    open: () => openStream(socketTarget(socketPath), { path: '/default/web', userAgent: 't' }),
    raw: () => new WebSocket(`ws+unix://${socketPath}:/default/web`, { autoPong: false }),
  }
}

it('bytes go both ways as they are', async () => {
  const { libvirt, open } = await start()
  const stream = await open()
  const all = Uint8Array.from({ length: 256 }, (_, index) => index)
  await stream.write(all)
  await eventually(() => expect(Buffer.concat(libvirt.written)).toEqual(Buffer.from(all)))
  libvirt.put(all)
  for await (const chunk of stream.readable) {
    expect(Buffer.from(chunk)).toEqual(Buffer.from(all))
    break
  }
  stream.close()
  await stream.ended
})

it('a client that gives no sign of life for 30 s loses the console', async () => {
  const clock = new ManualClock()
  const { raw, holder } = await start(clock)
  const socket = raw()
  await once(socket, 'open')
  await eventually(async () => expect(await holder()).toHaveProperty('holder'))
  const closed = once(socket, 'close')
  for (let step = 0; step < 3; step++) await clock.advance(10_000)
  expect((await closed)[0]).toBe(1006)
  await settle()
  expect(await holder()).toEqual({})
})

it('a client that answers keeps it', async () => {
  const clock = new ManualClock()
  const { open, holder } = await start(clock)
  const stream = await open()
  await eventually(async () => expect(await holder()).toHaveProperty('holder'))
  for (let step = 0; step < 6; step++) {
    await clock.advance(10_000)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(await holder()).toHaveProperty('holder')
  stream.close()
  await stream.ended
})

it('a client that takes nothing for 10 s is disconnected with the reason', async () => {
  const clock = new ManualClock()
  const { libvirt, open, holder, reasons } = await start(clock)
  const stream = await open()
  await eventually(async () => expect(await holder()).toHaveProperty('holder'))
  // Nobody reads `stream.readable`, so the client's socket is paused, and the buffers between fill.
  for (let mebibyte = 0; mebibyte < 16; mebibyte++) libvirt.put(new Uint8Array(1_048_576))
  for (let step = 0; step < 40 && 'holder' in (await holder()); step++) {
    await clock.advance(500)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await clock.advance(2_000)
  let size = 0
  for await (const chunk of stream.readable) size += chunk.length
  expect(size).toBeLessThan(16 * 1_048_576)
  expect(await holder()).toEqual({})
  expect(reasons).toEqual(['the client reads too slowly'])
})

it('a guest that does not read holds the client back instead of filling memory', async () => {
  const { libvirt, open } = await start()
  libvirt.stick()
  const stream = await open()
  let sent = 0
  void (async () => {
    for (; sent < 64; sent++) await stream.write(new Uint8Array(65_536))
  })().catch(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const before = sent
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(sent).toBe(before)
  expect(sent).toBeLessThan(64)
  stream.close()
  await stream.ended
})

it('a libvirt that is lost while asking is told as unavailable, one that is lost later by the reason', async () => {
  const { libvirt, open } = await start()
  libvirt.lost = true
  await expect(open()).rejects.toMatchObject({ reason: 'ServiceUnavailable' })
  libvirt.lost = false
  const stream = await open()
  libvirt.put(new ConnectionLost('gone', 'unknown'))
  expect(await stream.ended).toEqual({ code: 1011, reason: 'the connection to libvirt was lost' })
})

it('the end of a console tells a stop, a restart and a fault apart', async () => {
  const { libvirt, open } = await start()
  const restarted = await open()
  libvirt.id = 2
  libvirt.put(null)
  expect(await restarted.ended).toEqual({ code: 1000, reason: 'the virtual machine was restarted' })
  const stopped = await open()
  libvirt.active = false
  libvirt.put(new Error('cannot read'))
  expect(await stopped.ended).toEqual({ code: 1000, reason: 'the virtual machine stopped' })
})

it('a reason fits into a close frame, cut between characters', () => {
  expect(fitReason('short')).toBe('short')
  const cut = fitReason('ü'.repeat(100))
  expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(123)
  expect(cut).toMatch(/^ü+…$/)
})

it('waits for the console of a machine that is being started', async () => {
  const { libvirt, open } = await start()
  libvirt.starting = 3
  const stream = await open()
  libvirt.put(Buffer.from('SeaBIOS'))
  for await (const chunk of stream.readable) {
    expect(Buffer.from(chunk).toString()).toBe('SeaBIOS')
    break
  }
  expect(libvirt.starting).toBeLessThan(0)
})
