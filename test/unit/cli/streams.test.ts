// `berth vnc`, `screenshot`, `port-forward` and `ssh` against a real API server whose streams are scripts of the test.

import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import type { ConnectSubresource, ConnectTarget, ReadSubresource } from '../../../lib/apiserver/index.ts'
import { ApiError } from '../../../lib/errors.ts'
import { eventually } from '../../support/eventually.ts'
import { type Bench, startBench, VM } from './harness.ts'

const AT = {
  group: 'subresources.virtualization.deckhouse.io',
  version: 'v1alpha2',
  plural: 'virtualmachines',
} as const

/** Answers whatever comes with the same, and `bye` with an end. */
class Echo implements ConnectSubresource {
  readonly group = AT.group
  readonly version = AT.version
  readonly plural = AT.plural
  readonly kind = 'Echo'
  readonly protocols = ['plain.virtualization.deckhouse.io']
  readonly name: string
  readonly targets: ConnectTarget[] = []
  held: object = {}
  refuse: string | null = null
  socket: WebSocket | undefined

  constructor(name: string) {
    this.name = name
  }

  check = async () => {
    if (this.refuse !== null) throw new ApiError('Conflict', this.refuse)
  }

  probe = async () => this.held

  connect = (target: ConnectTarget, socket: WebSocket): Promise<void> => {
    this.targets.push(target)
    this.socket = socket
    socket.on('message', (data: Buffer) => {
      socket.send(data)
      if (data.length === 0) socket.close(1000, 'the connection was closed')
    })
    return new Promise((resolve) => socket.once('close', () => resolve()))
  }
}

const picture: ReadSubresource = {
  ...AT,
  name: 'screenshot',
  kind: 'Picture',
  read: async () => ({ type: 'image/png', body: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0x00]) }),
}

let screen: Echo
let ports: Echo
let bench: Bench
let folder: string
beforeEach(async () => {
  screen = new Echo('vnc')
  ports = new Echo('portforward')
  bench = await startBench({ connect: [screen, ports], reads: [picture] })
  await bench.server.resources.create('virtualmachines.virtualization.deckhouse.io', {
    ...VM('web'),
    metadata: { name: 'web', namespace: 'default' },
  })
  folder = await mkdtemp(join(tmpdir(), 'berth-streams-'))
})
afterEach(async () => {
  await bench.stop()
  await rm(folder, { recursive: true, force: true })
})

/** A program on PATH that the command finds by name. */
async function program(name: string, script: string): Promise<Record<string, string>> {
  const path = join(folder, name)
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
  return { PATH: `${folder}:${process.env.PATH}`, HOME: folder }
}

/** Sends, ends, and gives all that comes back. */
async function talk(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(text)
  let all = ''
  for await (const chunk of socket) all += String(chunk)
  return all
}

describe('vnc', () => {
  it('--proxy-only prints the port as JSON and serves one viewer after the other', async () => {
    const going = bench.begin(['vnc', 'web', '--proxy-only'])
    await eventually(() => expect(going.out()).toMatch(/^\{"port":\d+\}\n$/))
    const { port } = JSON.parse(going.out())
    for (let viewer = 0; viewer < 2; viewer++) {
      const socket = connect(port, '127.0.0.1')
      socket.write('RFB')
      expect(String((await once(socket, 'data'))[0])).toBe('RFB')
      const left = once(screen.socket as WebSocket, 'close')
      socket.end()
      await left
    }
    going.interrupt()
    expect((await going.ended).code).toBe(0)
  })

  it('starts the viewer that PATH has, and ends with it', async () => {
    const env = await program('remote-viewer', 'echo "$1" >"$HOME/called"')
    const { code } = await bench.berth(['vnc', 'web.default'], { env })
    expect(code).toBe(0)
    expect(await readFile(join(folder, 'called'), 'utf8')).toMatch(/^vnc:\/\/127\.0\.0\.1:\d+\n$/)
  })

  it('without a viewer it says where the screen is', async () => {
    const going = bench.begin(['vnc', 'web'], { env: { PATH: folder } })
    await eventually(() => expect(going.err()).toContain('No viewer was found (remote-viewer, vncviewer).'))
    expect(going.err()).toMatch(/The screen of web is at vnc:\/\/127\.0\.0\.1:\d+; Ctrl-C ends it\./)
    going.interrupt()
    expect((await going.ended).code).toBe(0)
  })

  it('a screen that is held needs --force, one that is not there says why', async () => {
    screen.held = { holder: 'anna', client: '10.0.0.9', startTime: '2026-01-01T00:00:00Z' }
    const held = await bench.berth(['vnc', 'web', '--proxy-only'])
    expect(held).toMatchObject({ code: 1, err: expect.stringContaining('The screen of web is held by anna') })
    screen.refuse = 'virtual machine "web" has no screen'
    const none = await bench.berth(['vnc', 'web', '--proxy-only', '--force'])
    expect(none).toMatchObject({ code: 1, err: 'error: virtual machine "web" has no screen\n' })
  })

  it('tells why the screen ended', async () => {
    const going = bench.begin(['vnc', 'web', '--proxy-only'])
    await eventually(() => expect(going.out()).toContain('port'))
    const viewer = connect(JSON.parse(going.out()).port, '127.0.0.1')
    viewer.write('x')
    await once(viewer, 'data')
    screen.socket?.close(4001, 'taken over by ben (unix)')
    await eventually(() => expect(going.err()).toContain('The screen of web ended: taken over by ben (unix).'))
    going.interrupt()
    await going.ended
  })
})

it('screenshot writes the picture as it came, and not to a terminal', async () => {
  const file = join(folder, 'web.png')
  expect(await bench.berth(['screenshot', 'web', '-o', file])).toEqual({ code: 0, out: '', err: `${file}: 6 bytes\n` })
  expect(await readFile(file)).toEqual(Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff, 0x00]))
  expect((await bench.berth(['screenshot', 'web', '-o', '-'], { tty: true, stdin: '' })).code).toBe(2)
})

describe('port-forward', () => {
  it('carries connections and half-closes, and ends in good order', async () => {
    const going = bench.begin(['port-forward', 'web.default', '0:22'])
    await eventually(() => expect(going.out()).toMatch(/Forwarding tcp 127\.0\.0\.1:\d+ -> web:22\n/))
    const port = Number(/:(\d+) ->/.exec(going.out())?.[1])
    expect(await Promise.all([talk(port, 'one'), talk(port, 'two')])).toEqual(['one', 'two'])
    expect(Object.fromEntries(ports.targets[0]?.query ?? [])).toEqual({
      port: '22',
      protocol: 'tcp',
      halfClose: 'true',
    })
    going.interrupt()
    expect((await going.ended).code).toBe(0)
    await expect(talk(port, 'three')).rejects.toThrow('ECONNREFUSED')
  })

  it('a connection that the guest refuses is reset and told', async () => {
    ports.refuse = 'nothing listens there'
    const going = bench.begin(['port-forward', 'web', '0:22'])
    await eventually(() => expect(going.out()).toContain('Forwarding'))
    await expect(talk(Number(/:(\d+) ->/.exec(going.out())?.[1]), 'x')).rejects.toThrow('ECONNRESET')
    expect(going.err()).toContain('tcp 22: nothing listens there\n')
    going.interrupt()
    await going.ended
  })

  it('a stream that breaks resets its connection rather than ending it', async () => {
    const going = bench.begin(['port-forward', 'web', '0:22'])
    await eventually(() => expect(going.out()).toContain('Forwarding'))
    const socket = connect(Number(/:(\d+) ->/.exec(going.out())?.[1]), '127.0.0.1')
    socket.write('x')
    await once(socket, 'data')
    ports.socket?.close(1011, 'the connection to the guest failed')
    expect(String((await once(socket, 'error'))[0])).toContain('ECONNRESET')
    going.interrupt()
    await going.ended
  })

  it('--stdio carries the standard input and output, whole', async () => {
    const text = 'x'.repeat(500_000)
    expect(await bench.berth(['port-forward', '--stdio', 'web', '22'], { stdin: text })).toEqual({
      code: 0,
      out: text,
      err: '',
    })
    // As DVP's scripts write it.
    const dvp = await bench.berth(['port-forward', '--stdio=true', 'web.default', '22'], { stdin: 'x' })
    expect(dvp).toEqual({ code: 0, out: 'x', err: '' })
    expect((await bench.berth(['port-forward', '--stdio', 'web', '22', '23'])).code).toBe(2)
  })

  it('a port in use is an error with its words, and leaves nothing open', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const { code, err } = await bench.berth(['port-forward', 'web', '0:22', `${port}:22`])
    taken.close()
    expect([code, err]).toEqual([1, expect.stringContaining('EADDRINUSE')])
  })
})

describe('ssh and scp', () => {
  const CALLED = 'for word; do printf "%s\\n" "$word"; done >"$HOME/called"; exit 3'

  it('run OpenSSH with its exit code, the server of the caller, and host keys by uid', async () => {
    const env = await program('ssh', CALLED)
    const args = [
      '--socket',
      bench.socketPath,
      'ssh',
      '--local-ssh=true',
      '-p',
      '2222',
      'root@web.default',
      '--',
      'ls',
      '--all=true',
    ]
    expect((await bench.berth(args, { env })).code).toBe(3)
    const words = (await readFile(join(folder, 'called'), 'utf8')).trimEnd().split('\n')
    expect(words.slice(-4)).toEqual(['--', 'root@web.default', 'ls', '--all=true'])
    expect(words).toContain(`ProxyCommand=berth port-forward --stdio --socket ${bench.socketPath} web.default tcp/2222`)
    expect(words).toContain(`UserKnownHostsFile="${join(folder, '.local/state/berth/known_hosts')}"`)
    expect(words).toContainEqual(expect.stringMatching(/^HostKeyAlias=berth-[0-9a-f-]{36}$/))
  })

  it('scp gets its two paths behind its flags', async () => {
    const env = await program('scp', CALLED)
    expect((await bench.berth(['scp', '-r', '--preserve', '-l', 'anna', 'web:a b', '-'], { env })).code).toBe(3)
    const words = (await readFile(join(folder, 'called'), 'utf8')).trimEnd().split('\n')
    expect(words.slice(-5)).toEqual(['-r', '-p', '--', 'anna@web.default:a b', '-'])
  })

  it('a machine that is not there, and an OpenSSH that is not there, are errors in words', async () => {
    expect(await bench.berth(['ssh', 'nobody'])).toMatchObject({ code: 1, err: expect.stringContaining('not found') })
    const { code, err } = await bench.berth(['ssh', 'web'], { env: { PATH: folder, HOME: folder } })
    expect([code, err]).toEqual([1, 'error: ssh cannot be started: it is not installed\n'])
  })
})
