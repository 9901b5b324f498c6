// The console of real QEMU guests that run only their firmware: SeaBIOS writes to the serial line by itself.
import { once } from 'node:events'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import WebSocket from 'ws'
import { consoleStream } from '../../../../agent/streams/console.ts'
import { openStream } from '../../../../lib/client/streams.ts'
import { socketTarget } from '../../../../lib/client/target.ts'
import { LibvirtPool } from '../../../../lib/libvirt/index.ts'
import type { KubeObject } from '../../../../lib/object.ts'
import { eventually } from '../../../support/eventually.ts'
import { startLibvirtd, type TestLibvirtd } from '../../../support/libvirtd.ts'
import { type StreamServer, startStreamServer } from '../../../support/stream-server.ts'

const NAMES = ['talker', 'shared', 'contested', 'ending', 'reborn', 'robbed', 'last', 'off'] as const
type Name = (typeof NAMES)[number]
const uuidOf = (name: Name) => `11111111-2222-4333-8444-00000000000${NAMES.indexOf(name)}`

/** `useserial` makes SeaBIOS write and read there; with nothing to boot from it begins again every few seconds. */
const domainXml = (name: Name) => `<domain type='qemu'><name>${name}</name><uuid>${uuidOf(name)}</uuid>
  <memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><bios useserial='yes' rebootTimeout='300'/><bootmenu enable='yes' timeout='3000'/></os>
  <devices><controller type='usb' model='none'/><memballoon model='none'/>
    <serial type='pty'><target port='0'/></serial><console type='pty'><target type='serial' port='0'/></console>
  </devices></domain>`

const machines = new Map(NAMES.map((name) => [name as string, machine(name)]))
function machine(name: Name): KubeObject {
  const metadata = {
    name,
    namespace: 'default',
    uid: uuidOf(name),
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
  }
  return {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachine',
    metadata,
    status: { phase: 'Stopped' },
  }
}

let libvirtd: TestLibvirtd
let pool: LibvirtPool
let server: StreamServer
const recorded: { readonly name: string; readonly type: string; readonly reason: string; readonly message: string }[] =
  []

beforeAll(async () => {
  libvirtd = await startLibvirtd()
  pool = new LibvirtPool({ socketPath: libvirtd.socketPath, uri: 'qemu:///system' })
  await pool.connect()
  for (const name of NAMES) {
    const { dom } = await pool.call('DomainDefineXMLFlags', { xml: domainXml(name), flags: 0 })
    if (name !== 'off') await pool.call('DomainCreate', { dom })
  }
  const log = { info: () => undefined, warn: () => undefined }
  const console = consoleStream({
    libvirt: pool,
    reader: {
      get: <T extends KubeObject>(_: string, { name }: { name: string }) => (machines.get(name) ?? null) as T | null,
    },
    events: { record: (object, event) => recorded.push({ name: object.metadata.name, ...event }) },
    log,
  })
  server = await startStreamServer(console)
})

afterAll(async () => {
  await server?.stop()
  await pool?.close()
  await libvirtd?.stop()
})

const open = (name: string, token = 'admin') =>
  openStream({ ...socketTarget(server.socketPath), token }, { path: `/default/${name}`, userAgent: 'test/1' })

const probe = async (name: string): Promise<unknown> => {
  const agent = new Agent({ connect: { socketPath: server.socketPath } })
  const answer = await request(`http://localhost/default/${name}?probe=true`, { dispatcher: agent })
  const body = await answer.body.json()
  await agent.close()
  return body
}

/** Reads on with the same iterator, so that leaving this loop does not end the stream. */
async function readUntil(iterator: AsyncIterator<Uint8Array>, wanted: RegExp): Promise<string> {
  let text = ''
  for (;;) {
    const { value, done } = await iterator.next()
    if (done) throw new Error(`the console ended before ${wanted}: ${JSON.stringify(text)}`)
    text += Buffer.from(value).toString('latin1')
    if (wanted.test(text)) return text
  }
}

const domain = async (name: Name) => (await pool.call('DomainLookupByUUID', { uuid: uuidOf(name) })).dom

it('what the guest writes arrives, and what is typed reaches it', async () => {
  const stream = await open('talker')
  const iterator = stream.readable[Symbol.asyncIterator]()
  expect(await readUntil(iterator, /Press ESC for boot menu/)).not.toBe('')
  await stream.write(Buffer.from([0x1b]))
  expect(await readUntil(iterator, /Select boot device/)).not.toBe('')
  stream.close()
  expect((await stream.ended).code).toBe(1000)
})

it('a machine that is not there is 404, one that does not run is 409 and says so', async () => {
  await expect(open('nobody')).rejects.toMatchObject({ reason: 'NotFound' })
  await expect(open('off')).rejects.toMatchObject({
    reason: 'Conflict',
    message: 'virtual machine "off" is not running (Stopped)',
  })
  expect(await probe('off')).toEqual({})
})

it('the newest client wins: the holder hears who took over, an event says it, a probe shows the new one', async () => {
  expect(await probe('shared')).toEqual({})
  const first = await open('shared', 'anna')
  await eventually(async () => expect(await probe('shared')).toMatchObject({ holder: 'anna', client: 'unix' }))

  const second = await open('shared', 'ben')
  expect(await first.ended).toEqual({ code: 4001, reason: 'taken over by ben (unix)' })
  expect(await probe('shared')).toMatchObject({
    holder: 'ben',
    client: 'unix',
    startTime: expect.stringMatching(/^20.*Z$/),
  })
  expect(recorded).toEqual([
    {
      name: 'shared',
      type: 'Warning',
      reason: 'ConsoleSessionPreempted',
      message: 'ben (unix) took the console over from anna (unix)',
    },
  ])

  // The one that won has a console that works: each ESC makes the firmware write.
  await second.write(Buffer.from([0x1b]))
  expect(await readUntil(second.readable[Symbol.asyncIterator](), /boot/i)).not.toBe('')
  second.close()
  await second.ended
  await eventually(async () => expect(await probe('shared')).toEqual({}))
})

it('clients that take the console from each other again and again do libvirtd no harm', async () => {
  let holder = await open('contested', '0')
  for (let turn = 1; turn <= 25; turn++) {
    const next = await open('contested', String(turn))
    expect(await holder.ended).toEqual({ code: 4001, reason: `taken over by ${turn} (unix)` })
    holder = next
  }
  await holder.write(Buffer.from([0x1b]))
  expect(await readUntil(holder.readable[Symbol.asyncIterator](), /boot/i)).not.toBe('')
  holder.close()
  await holder.ended
})

it('when the machine stops the stream ends in good order', async () => {
  const stream = await open('ending')
  await eventually(async () => expect(await probe('ending')).toHaveProperty('holder'))
  await pool.call('DomainDestroy', { dom: await domain('ending') })
  expect(await stream.ended).toEqual({ code: 1000, reason: 'the virtual machine stopped' })
})

it('a machine that is started again at once has another console', async () => {
  const dom = await domain('reborn')
  const endings: { readonly code: number; readonly reason: string }[] = []
  const restarted = { code: 1000, reason: 'the virtual machine was restarted' }
  // A look that comes between the two finds it stopped, and says so.
  while (endings.at(-1)?.reason !== restarted.reason && endings.length < 10) {
    const stream = await open('reborn')
    await readUntil(stream.readable[Symbol.asyncIterator](), /./s)
    await pool.call('DomainDestroy', { dom })
    await pool.call('DomainCreate', { dom })
    endings.push(await stream.ended)
  }
  expect(endings.pop()).toEqual(restarted)
  for (const ending of endings) expect(ending).toEqual({ code: 1000, reason: 'the virtual machine stopped' })
})

it('a console that another program takes by force ends with an error that says so', async () => {
  const stream = await open('robbed')
  await readUntil(stream.readable[Symbol.asyncIterator](), /./s)
  const thief = await pool.stream('DomainOpenConsole', { dom: await domain('robbed'), devName: null, flags: 1 })
  const end = await stream.ended
  thief.abort()
  expect(end.code).toBe(1011)
  expect(end.reason).toMatch(/^libvirt closed the console/)
})

it.each(['plain.virtualization.deckhouse.io', 'plain.kubevirt.io'])(
  'a client that asks for %s gets that',
  async (protocol) => {
    const socket = new WebSocket(`ws+unix://${server.socketPath}:/default/shared`, [protocol])
    await once(socket, 'open')
    expect(socket.protocol).toBe(protocol)
    socket.close()
    await once(socket, 'close')
  },
)

it('a lost libvirt is told as such', async () => {
  const stream = await open('last')
  await readUntil(stream.readable[Symbol.asyncIterator](), /./s)
  await libvirtd.kill()
  expect(await stream.ended).toEqual({ code: 1011, reason: 'the connection to libvirt was lost' })
  await libvirtd.start()
})

it('an agent that stops tells its clients', async () => {
  await vi.waitFor(() => open('last').then((probing) => probing.close()), { timeout: 20_000 })
  const stream = await open('last')
  await server.stop()
  expect(await stream.ended).toEqual({ code: 1001, reason: 'the agent is stopping' })
})
