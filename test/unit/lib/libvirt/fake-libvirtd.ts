// A libvirtd for tests: echoes serials, can delay, reorder, drop and never answer, and fails loudly on a procedure that
// the test did not prepare.

import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  CALL,
  ERROR,
  frame,
  KEEPALIVE,
  list,
  MESSAGE,
  QEMU,
  REMOTE,
  REPLY,
  remoteError,
  STREAM,
  u32,
  u64,
} from './bytes.ts'

const LENGTH_AND_HEADER = 28

/** A packet from the client. */
export interface Packet {
  readonly session: Session
  readonly program: number
  readonly procedure: number
  readonly type: number
  readonly serial: number
  readonly status: number
  readonly payload: Buffer
}

/** A call, and ways to answer it whenever one likes. */
export interface Call extends Packet {
  reply(payload?: Uint8Array): void
  fail(code: number, message: string): void
  /** A stream packet that belongs to this call. */
  packet(status: number, payload?: Uint8Array): void
}

export type Handler = (call: Call) => void

/** One client connection. */
export class Session {
  readonly socket: Socket
  /** Stream packets that the client sent. */
  readonly packets: Packet[] = []
  pings = 0
  pongs = 0

  constructor(socket: Socket) {
    this.socket = socket
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  message(procedure: number, payload: Uint8Array, program = REMOTE): void {
    this.send(frame({ program, procedure, type: MESSAGE }, payload))
  }

  ping(): void {
    this.send(frame({ program: KEEPALIVE, procedure: 1, type: MESSAGE }))
  }
}

export class FakeLibvirtd {
  readonly dir = mkdtempSync(join(tmpdir(), 'berth-fake-'))
  readonly socketPath = join(this.dir, 'sock')
  /** Connections that are open, in the order they came. */
  readonly sessions: Session[] = []
  /** All connections that ever came. */
  accepted = 0
  /** Answers the client's pings. */
  answersPings = true
  readonly #handlers = new Map<string, Handler>()
  readonly #unknown: string[] = []
  readonly #server: Server
  #callbackIds = 0

  private constructor() {
    this.#server = createServer((socket) => this.#accept(socket))
    this.on(66, (call) => call.reply(list(u32(0))))
    this.on(1, (call) => call.reply())
    this.on(2, (call) => call.reply())
    this.on(4, (call) => call.reply(u64(7_002_022n)))
    this.on(60, (call) => call.reply(u32(1)))
    this.on(157, (call) => call.reply(u64(9_000_000n)))
    this.on(316, (call) => call.reply(u32(++this.#callbackIds)))
    this.on(317, (call) => call.reply())
    this.on(4, (call) => call.reply(u32(++this.#callbackIds)), QEMU)
    this.on(5, (call) => call.reply(), QEMU)
  }

  static async start(): Promise<FakeLibvirtd> {
    const fake = new FakeLibvirtd()
    await fake.listen()
    return fake
  }

  /** The callback id that was given last. */
  get lastCallbackId(): number {
    return this.#callbackIds
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.socketPath, () => resolve())
    })
  }

  /** Says what happens on a procedure; the last one said counts. */
  on(procedure: number, handler: Handler, program = REMOTE): void {
    this.#handlers.set(`${program}/${procedure}`, handler)
  }

  /** Drops every connection and, with `listening: false`, takes no new ones. */
  async crash({ listening = true } = {}): Promise<void> {
    const closed = listening ? undefined : new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const session of [...this.sessions]) session.socket.destroy()
    await closed
  }

  /** Ends the server. Throws when it got a call that the test had not prepared. */
  async stop(): Promise<void> {
    if (this.#server.listening) await this.crash({ listening: false })
    rmSync(this.dir, { recursive: true, force: true })
    if (this.#unknown.length > 0) throw new Error(`unexpected calls: ${this.#unknown.join(', ')}`)
  }

  #accept(socket: Socket): void {
    const session = new Session(socket)
    this.sessions.push(session)
    this.accepted++
    let held = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.sessions.splice(this.sessions.indexOf(session), 1)
    })
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk])
      while (held.length >= LENGTH_AND_HEADER && held.length >= held.readUInt32BE(0)) {
        const length = held.readUInt32BE(0)
        this.#take(session, held.subarray(0, length))
        held = held.subarray(length)
      }
    })
  }

  #take(session: Session, bytes: Buffer): void {
    const word = (index: number) => bytes.readUInt32BE(index * 4)
    const packet: Packet = {
      session,
      program: word(1),
      procedure: word(3),
      type: word(4),
      serial: word(5),
      status: word(6),
      payload: Buffer.from(bytes.subarray(LENGTH_AND_HEADER)),
    }
    if (packet.program === KEEPALIVE) this.#keepalive(packet)
    else if (packet.type === STREAM) session.packets.push(packet)
    else if (packet.type === CALL) this.#dispatch(packet)
    else this.#refuse(packet)
  }

  #keepalive({ session, procedure }: Packet): void {
    if (procedure === 2) session.pongs++
    if (procedure !== 1) return
    session.pings++
    if (this.answersPings) session.send(frame({ program: KEEPALIVE, procedure: 2, type: MESSAGE }))
  }

  #dispatch(packet: Packet): void {
    const { session, program, procedure, serial } = packet
    const handler = this.#handlers.get(`${program}/${procedure}`)
    if (handler === undefined) {
      this.#refuse(packet)
      return
    }
    const head = { program, procedure, serial }
    handler({
      ...packet,
      reply: (payload) => session.send(frame({ ...head, type: REPLY }, payload)),
      fail: (code, message) => session.send(frame({ ...head, type: REPLY, status: ERROR }, remoteError(code, message))),
      packet: (status, payload) => session.send(frame({ ...head, type: STREAM, status }, payload)),
    })
  }

  #refuse({ session, program, procedure, type }: Packet): void {
    this.#unknown.push(`program ${program.toString(16)} procedure ${procedure} type ${type}`)
    session.socket.destroy()
  }
}
