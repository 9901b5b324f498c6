// The screen's endings and beginnings that a real guest gives seldom. A socket of the test stands for QEMU's VNC server, libvirt is
// a fake that names it.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { StreamDeps } from '../../../../agent/streams/exclusive.ts'
import { Screenshot, type ScreenshotDeps } from '../../../../agent/streams/screenshot.ts'
import { vncStream } from '../../../../agent/streams/vnc.ts'
import { openStream } from '../../../../lib/client/streams.ts'
import { socketTarget } from '../../../../lib/client/target.ts'
import type { Clock } from '../../../../lib/clock.ts'
import { ConnectionLost, ErrorNumber, LibvirtError } from '../../../../lib/libvirt/index.ts'
import { eventually } from '../../../support/eventually.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { type StreamServer, startStreamServer } from '../../../support/stream-server.ts'
import { machineIn } from './machine.ts'

const reader = { get: () => machineIn('Running') }

let folder: string
let path: string
let viewers: Socket[]
let qemu: Server | undefined
let server: StreamServer | undefined
let fault: Error | null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-vnc-'))
  path = join(folder, 'vnc.sock')
  viewers = []
  fault = null
})
afterEach(async () => {
  await server?.stop()
  for (const socket of viewers) socket.destroy()
  qemu?.close()
  server = undefined
  qemu = undefined
  rmSync(folder, { recursive: true, force: true })
})

const call = async (name: string) => {
  if (fault !== null) throw fault
  if (name === 'DomainLookupByUUID') return { dom: { name: 'default.web', uuid: 'u1', id: 7 } }
  const screen = `<graphics type='vnc'><listen type='socket' socket='${path}'/></graphics>`
  return { xml: `<domain id='7'><name>default.web</name><uuid>u1</uuid><devices>${screen}</devices></domain>` }
}

function listen(): Promise<void> {
  qemu = createServer((socket) => void viewers.push(socket.on('error', () => undefined)))
  return new Promise((resolve) => qemu?.listen(path, resolve))
}

async function open(clock?: Clock) {
  const deps = {
    libvirt: { call },
    reader,
    events: { record: () => undefined },
    log: { info: () => undefined, warn: () => undefined },
    ...(clock === undefined ? {} : { clock }),
  }
  server = await startStreamServer(vncStream(deps as unknown as StreamDeps))
  return await openStream(socketTarget(server.socketPath), { path: '/default/web', userAgent: 't' })
}

it('bytes go both ways as they are', async () => {
  await listen()
  const stream = await open()
  await eventually(() => expect(viewers).toHaveLength(1))
  const all = Buffer.from(Array.from({ length: 256 }, (_, index) => index))
  const heard: Buffer[] = []
  viewers[0]?.on('data', (chunk) => void heard.push(Buffer.from(chunk)))
  await stream.write(all)
  await eventually(() => expect(Buffer.concat(heard)).toEqual(all))
  viewers[0]?.write(all)
  for await (const chunk of stream.readable) {
    expect(Buffer.from(chunk)).toEqual(all)
    break
  }
  stream.close()
  await eventually(() => expect(viewers[0]?.readableEnded || viewers[0]?.destroyed).toBe(true))
})

it('a machine that is being started is waited for until QEMU listens', async () => {
  const stream = await open()
  await listen()
  await eventually(() => expect(viewers).toHaveLength(1))
  viewers[0]?.write('RFB')
  for await (const chunk of stream.readable) {
    expect(Buffer.from(chunk).toString()).toBe('RFB')
    break
  }
})

it('a QEMU that closes the screen of a running machine is told as the one who did', async () => {
  const clock = new ManualClock()
  await listen()
  const stream = await open(clock)
  await eventually(() => expect(viewers).toHaveLength(1))
  viewers[0]?.end()
  await eventually(() => expect(clock.sleeping).toBeGreaterThan(1))
  let over = false
  const ended = stream.ended.finally(() => {
    over = true
  })
  await eventually(async () => {
    await clock.advance(500)
    expect(over).toBe(true)
  })
  expect(await ended).toEqual({ code: 1011, reason: 'QEMU closed the screen' })
})

it('without libvirt, and for a machine that has just gone, the answer is in words', async () => {
  fault = new ConnectionLost('gone', 'none')
  await expect(open()).rejects.toMatchObject({ reason: 'ServiceUnavailable' })
  await server?.stop()
  fault = new LibvirtError('x', { code: ErrorNumber.ERR_NO_DOMAIN, domain: 0, level: 2, message: 'no domain' })
  await expect(open()).rejects.toMatchObject({ reason: 'Conflict', message: expect.stringContaining('not running') })
})

it('four pictures are made at a time; a further one is told to come again', async () => {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from('rest')])
  const readable = async function* () {
    await held
    yield png
  }
  const libvirt = { call, stream: async () => ({ readable: readable() }) }
  const screenshot = new Screenshot({ libvirt, reader } as unknown as ScreenshotDeps)
  const target = { namespace: 'default', name: 'web', query: new URLSearchParams(), user: 'u', client: 'c' }
  const read = () => screenshot.read(target, AbortSignal.timeout(5_000))
  const four = [read(), read(), read(), read()]
  await expect(read()).rejects.toMatchObject({ reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } })
  release()
  for (const { type, body } of await Promise.all(four)) expect([type, body]).toEqual(['image/png', png])
  expect((await read()).body).toEqual(png)
})
