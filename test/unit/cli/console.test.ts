// `berth console` against a real API server whose console is a script of the test.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { splitAtEscape } from '../../../cli/console/escape.ts'
import type { ConnectSubresource } from '../../../lib/apiserver/index.ts'
import { ApiError } from '../../../lib/errors.ts'
import { eventually } from '../../support/eventually.ts'
import { type Bench, startBench, VM } from './harness.ts'

const HOLDER = { holder: 'anna', client: '10.0.0.9', startTime: '2026-01-01T00:00:00Z' }
const ESCAPE = '\u001d'

/** What the test makes of the console. */
class Script implements ConnectSubresource {
  readonly group = 'subresources.virtualization.deckhouse.io'
  readonly version = 'v1alpha2'
  readonly plural = 'virtualmachines'
  readonly name = 'console'
  readonly kind = 'VirtualMachineConsole'
  readonly protocols = ['plain.virtualization.deckhouse.io']
  running = true
  held: object = {}
  typed = ''
  protocol = ''
  socket: WebSocket | undefined

  check = async () => {
    if (!this.running) throw new ApiError('Conflict', 'virtual machine "web" is not running (Stopped)')
  }

  probe = async () => this.held

  connect = (_: unknown, socket: WebSocket): Promise<void> => {
    this.socket = socket
    this.protocol = socket.protocol
    socket.on('message', (data: Buffer) => {
      this.typed += data.toString()
    })
    socket.send('login: ')
    return new Promise((resolve) => socket.once('close', () => resolve()))
  }
}

let script: Script
let bench: Bench
beforeEach(async () => {
  script = new Script()
  bench = await startBench({ connect: [script] })
  const vm = VM('web')
  await bench.server.resources.create('virtualmachines.virtualization.deckhouse.io', {
    ...vm,
    metadata: { name: 'web', namespace: 'default' },
  })
})
afterEach(() => bench.stop())

describe('on a terminal', () => {
  it('keys go to the guest as they are typed, Ctrl-] leaves, the terminal is restored', async () => {
    const going = bench.begin(['console', 'web'], { tty: true })
    await eventually(() => expect(going.out()).toContain('login: '))
    expect(script.protocol).toBe('plain.virtualization.deckhouse.io')
    expect(going.raw).toEqual([true])
    going.type('root\r\u0003')
    await eventually(() => expect(script.typed).toBe('root\r\u0003'))
    going.type(`x${ESCAPE}never sent`)
    const { code, err } = await going.ended
    expect(code).toBe(0)
    expect(err).toContain('Connected to web. Ctrl-] leaves')
    expect(err).toContain('Left the console of web.')
    expect(going.raw).toEqual([true, false])
    expect(script.typed).toBe('root\r\u0003x')
  })

  it.each([
    [1000, 'the virtual machine stopped', 0],
    [4001, 'taken over by anna (10.0.0.9)', 1],
    [1011, 'the connection to libvirt was lost', 1],
  ])('an end with %i restores the terminal, says why and how to come back', async (code, reason, exit) => {
    const going = bench.begin(['console', 'web', '-n', 'default'], { tty: true })
    await eventually(() => expect(going.out()).toContain('login: '))
    script.socket?.close(code, reason)
    const ran = await going.ended
    expect(ran.code).toBe(exit)
    expect(ran.err).toContain(`The console of web ended: ${reason}.\nReconnect with: berth console web -n default\n`)
    expect(going.raw).toEqual([true, false])
  })

  it('a connection that is cut is told as lost', async () => {
    const going = bench.begin(['console', 'web'], { tty: true })
    await eventually(() => expect(going.out()).toContain('login: '))
    script.socket?.terminate()
    const { code, err } = await going.ended
    expect(code).toBe(1)
    expect(err).toContain('the connection was lost (1006)')
  })

  it('a signal restores the terminal too', async () => {
    const going = bench.begin(['console', 'web'], { tty: true })
    await eventually(() => expect(going.out()).toContain('login: '))
    going.interrupt()
    expect((await going.ended).code).toBe(130)
    expect(going.raw).toEqual([true, false])
  })

  it('asks before it takes over, and says who holds it', async () => {
    script.held = HOLDER
    const going = bench.begin(['console', 'web'], { tty: true })
    await eventually(() => expect(going.err()).toContain('[y/N/w] '))
    expect(going.err()).toContain('The console of web is held by anna (10.0.0.9) since 2026-01-01T00:00:00Z.')
    expect(script.socket).toBeUndefined()
    going.type('maybe\n')
    await eventually(() => expect(going.err()).toMatch(/y takes it over[\s\S]*\[y\/N\/w\] $/))
    going.type('y\n')
    await eventually(() => expect(going.out()).toContain('login: '))
    going.type(ESCAPE)
    expect((await going.ended).code).toBe(0)
  })

  it('an empty answer is no', async () => {
    script.held = HOLDER
    const going = bench.begin(['console', 'web'], { tty: true })
    await eventually(() => expect(going.err()).toContain('[y/N/w] '))
    going.type('\n')
    expect((await going.ended).code).toBe(1)
    expect(script.socket).toBeUndefined()
  })

  it('w waits until it is free', async () => {
    script.held = HOLDER
    const going = bench.begin(['console', 'web'], { tty: true })
    await eventually(() => expect(going.err()).toContain('[y/N/w] '))
    going.type('w\n')
    await eventually(() => expect(going.err()).toContain('Waiting until the console of web is free'))
    expect(script.socket).toBeUndefined()
    script.held = {}
    await eventually(() => expect(going.out()).toContain('login: '))
    going.type(ESCAPE)
    await going.ended
  })

  it('waits for a machine that does not run yet', async () => {
    script.running = false
    const going = bench.begin(['console', 'web'], { tty: true })
    await eventually(() => expect(going.err()).toContain('virtual machine "web" is not running (Stopped); waiting'))
    script.running = true
    await eventually(() => expect(going.out()).toContain('login: '))
    going.type(ESCAPE)
    expect((await going.ended).code).toBe(0)
  })
})

describe('through pipes', () => {
  it('the input goes in, the output comes out, and reading goes on after the input’s end until --timeout', async () => {
    const going = bench.begin(['console', 'web', '--timeout', '400ms'], { stdin: `id\n${ESCAPE}` })
    await eventually(() => expect(script.typed).toBe(`id\n${ESCAPE}`))
    script.socket?.send('uid=0')
    expect(await going.ended).toEqual({ code: 0, out: 'login: uid=0', err: '' })
    expect(going.raw).toEqual([])
  })

  it('a machine that stops ends it in good order', async () => {
    const going = bench.begin(['console', 'web'], { stdin: '' })
    await eventually(() => expect(going.out()).toContain('login: '))
    script.socket?.close(1000, 'the virtual machine stopped')
    expect((await going.ended).code).toBe(0)
  })

  it('a console that is held needs --force', async () => {
    script.held = HOLDER
    const refused = await bench.berth(['console', 'web'])
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('held by anna (10.0.0.9) since 2026-01-01T00:00:00Z. --force takes it over.')
    const forced = await bench.berth(['console', 'web', '--force', '--timeout', '200ms'])
    expect(forced).toMatchObject({ code: 0, out: 'login: ' })
  })

  it('a machine that never runs is an error with its words after --timeout', async () => {
    script.running = false
    const { code, err } = await bench.berth(['console', 'web', '--timeout', '100ms'])
    expect(code).toBe(1)
    expect(err).toMatch(/error: virtual machine "web" is not running \(Stopped\)\n$/)
  })
})

it.each([
  ['', '', false],
  ['abc', 'abc', false],
  [ESCAPE, '', true],
  [`ab${ESCAPE}cd`, 'ab', true],
  ['\u001b[A', '\u001b[A', false],
  ['ünï…', 'ünï…', false],
])('of %j the guest gets %j', (typed, sent, left) => {
  const split = splitAtEscape(Buffer.from(typed))
  expect({ sent: Buffer.from(split.bytes).toString(), left: split.left }).toEqual({ sent, left })
})
