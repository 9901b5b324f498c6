// A fake: stands between an agent and libvirtd's socket and makes faults that the real one does not show on demand. It delays calls,
// answers them with errors, or does them and loses the answer. Everything else is the real libvirtd.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { encodeFrame, type Frame, FrameParser, FrameStatus, FrameType } from '../../lib/libvirt/frame.ts'
import { type ProcedureName, Protocol } from '../../lib/libvirt/protocol.ts'

/** What becomes of one call. `lose`: libvirtd does it, and the connection is cut before its answer. */
export type Fault =
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'error'; readonly code: number; readonly message: string }
  | { readonly kind: 'lose' }

/** Null: the call goes through. */
export type FaultPlan = (procedure: ProcedureName) => Fault | null

const PROTOCOL = new Protocol()

export class LibvirtProxy {
  /** Which calls get which fault, from now on. */
  plan: FaultPlan = () => null
  /** Calls that went through, by procedure. */
  readonly passed = new Map<string, number>()
  readonly #upstream: string
  readonly #names: ReadonlyMap<string, ProcedureName>
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  private constructor(upstream: string, procedures: readonly ProcedureName[]) {
    this.#upstream = upstream
    this.#names = new Map(
      procedures.map((name) => {
        const { program, number } = PROTOCOL.procedure(name)
        return [`${program}/${number}`, name] as const
      }),
    )
    this.#server = createServer((client) => this.#serve(client))
  }

  /** Listens at `path` for calls of libvirtd at `upstream`; only `procedures` can get faults. */
  static async listen(upstream: string, path: string, procedures: readonly ProcedureName[]): Promise<LibvirtProxy> {
    const proxy = new LibvirtProxy(upstream, procedures)
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject)
      proxy.#server.listen(path, resolve)
    })
    return proxy
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(client: Socket): void {
    const libvirtd = connect(this.#upstream)
    const cut = () => {
      client.destroy()
      libvirtd.destroy()
    }
    for (const socket of [client, libvirtd]) {
      this.#sockets.add(socket)
      socket.on('error', cut).on('close', () => {
        this.#sockets.delete(socket)
        cut()
      })
    }
    const lost = new Set<number>()
    const calls = new FrameParser()
    client.on('data', (chunk) => calls.push(chunk, (frame) => this.#call(frame, { client, libvirtd, lost })))
    const answers = new FrameParser()
    libvirtd.on('data', (chunk) =>
      answers.push(chunk, (frame) => {
        if (frame.type === FrameType.reply && lost.has(frame.serial)) cut()
        else client.write(bytesOf(frame))
      }),
    )
  }

  #call(frame: Frame, on: { client: Socket; libvirtd: Socket; lost: Set<number> }): void {
    const name = frame.type === FrameType.call ? this.#names.get(`${frame.program}/${frame.procedure}`) : undefined
    const fault = name === undefined ? null : this.plan(name)
    const pass = () => void on.libvirtd.write(bytesOf(frame))
    if (name !== undefined && fault?.kind !== 'error') this.passed.set(name, (this.passed.get(name) ?? 0) + 1)
    if (fault?.kind === 'error') on.client.write(errorAnswer(frame, fault))
    else if (fault?.kind === 'delay') setTimeout(pass, fault.ms)
    else {
      if (fault?.kind === 'lose') on.lost.add(frame.serial)
      pass()
    }
  }
}

const bytesOf = ({ payload, ...header }: Frame): Buffer => encodeFrame(header, (writer) => writer.raw(payload))

function errorAnswer({ payload: _, ...header }: Frame, { code, message }: { code: number; message: string }): Buffer {
  const error = {
    code,
    domain: 0,
    message,
    level: 2,
    dom: null,
    str1: null,
    str2: null,
    str3: null,
    int1: 0,
    int2: 0,
    net: null,
  }
  return encodeFrame({ ...header, type: FrameType.reply, status: FrameStatus.error }, (writer) =>
    PROTOCOL.type('remote_error').write(writer, error, 'error'),
  )
}
