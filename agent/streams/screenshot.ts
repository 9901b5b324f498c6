// A picture of a virtual machine's screen, as PNG.
import type { ConnectTarget, Document, ReadSubresource } from '../../lib/apiserver/connect.ts'
import { ApiError } from '../../lib/errors.ts'
import { isNoDomain, isOperationInvalid, type LibvirtPool } from '../../lib/libvirt/index.ts'
import { conflict, lostLibvirt, Machines, type MachinesDeps } from './machines.ts'
import { SUBRESOURCES } from './names.ts'
import { toPng } from './png.ts'
import { screenSocket } from './screen.ts'

export interface ScreenshotDeps extends MachinesDeps {
  readonly libvirt: Pick<LibvirtPool, 'call' | 'stream'>
}

/** Bytes of a picture at most; a screen of the VGA adapter has twelve million, uncompressed. */
const MAX_BYTES = 64 * 1_048_576
/** Each holds a picture in memory, and libvirt writes it to a file first. */
const MAX_AT_ONCE = 4
const RETRY_SECONDS = 1

export class Screenshot implements ReadSubresource {
  readonly group = SUBRESOURCES.group
  readonly version = SUBRESOURCES.version
  readonly plural = SUBRESOURCES.plural
  readonly name = 'screenshot'
  readonly kind = 'VirtualMachineScreenshot'
  readonly #deps: ScreenshotDeps
  readonly #machines: Machines
  #running = 0

  constructor(deps: ScreenshotDeps) {
    this.#deps = deps
    this.#machines = new Machines(deps)
  }

  /**
   * @throws ApiError `NotFound` without the machine, `Conflict` when it does not run or has no screen, `TooManyRequests` while
   * others are being made, `ServiceUnavailable` without libvirt
   */
  async read(target: ConnectTarget, signal: AbortSignal): Promise<Document> {
    if (this.#running >= MAX_AT_ONCE)
      throw new ApiError('TooManyRequests', `${MAX_AT_ONCE} screenshots are being made; try again`, {
        retryAfterSeconds: RETRY_SECONDS,
      })
    this.#running += 1
    try {
      return { type: 'image/png', body: await toPng(await this.#picture(target, signal)) }
    } finally {
      this.#running -= 1
    }
  }

  async #picture(target: ConnectTarget, signal: AbortSignal): Promise<Buffer> {
    const machine = this.#machines.get(target)
    const dom = await this.#machines.requireRunning(machine, signal)
    await screenSocket(this.#deps.libvirt, machine, dom, signal)
    try {
      const stream = await this.#deps.libvirt.stream('DomainScreenshot', { dom, screen: 0, flags: 0 }, { signal })
      const chunks: Uint8Array[] = []
      let size = 0
      for await (const chunk of stream.readable) {
        size += chunk.length
        if (size > MAX_BYTES) throw new ApiError('InternalError', `the screenshot has more than ${MAX_BYTES} bytes`)
        chunks.push(chunk)
      }
      return Buffer.concat(chunks)
    } catch (error) {
      if (isNoDomain(error) || isOperationInvalid(error))
        throw conflict(target.name, `virtual machine "${target.name}" is not running`)
      throw lostLibvirt(error)
    }
  }
}
