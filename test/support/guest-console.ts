// A guest's serial console through the agent's websocket: read what it says, type, ask for a command's output.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../lib/client/client.ts'
import type { ByteStream, StreamEnd } from '../../lib/client/streams.ts'
import { waitFor } from './wait.ts'

const SUBRESOURCES = '/apis/subresources.virtualization.deckhouse.io/v1alpha2'
/** Busybox asks the terminal where its cursor is after each prompt; nobody answers. */
const PROMPTS = ['guest# ', 'guest# \x1b[6n'] as const
/** A shell that is not up yet drops what is typed. */
const NUDGE_MS = 1_000

export const consolePath = (namespace: string, vm: string): string =>
  `${SUBRESOURCES}/namespaces/${namespace}/virtualmachines/${vm}/console`

export class GuestConsole {
  /** Everything since the connection. */
  text = ''
  readonly ended: Promise<StreamEnd>
  readonly #stream: ByteStream
  /** Where the last match ended: what is before it was seen. */
  #seen = 0
  #open = true

  constructor(stream: ByteStream) {
    this.#stream = stream
    this.ended = stream.ended
    void this.#read()
  }

  /** Connects as soon as the virtual machine runs. Takes the console over from whoever has it. */
  static async open(client: Client, namespace: string, vm: string, seconds = 60): Promise<GuestConsole> {
    const path = consolePath(namespace, vm)
    return new GuestConsole(await waitFor(`console of ${vm}`, seconds, () => client.stream({ path })))
  }

  /** Waits for text that was not matched before. */
  async see(pattern: RegExp, seconds = 150): Promise<RegExpExecArray> {
    return await waitFor(
      `${pattern} on the console`,
      seconds,
      () => {
        const match = pattern.exec(this.text.slice(this.#seen))
        if (match === null) return null
        this.#seen += match.index + match[0].length
        return match
      },
      () => JSON.stringify(this.text.slice(-1500)),
    )
  }

  async type(line: string): Promise<void> {
    await this.#stream.write(Buffer.from(`${line}\n`))
  }

  /** Until the guest's shell answers. */
  async prompt(seconds = 150): Promise<void> {
    const deadline = performance.now() + seconds * 1000
    while (!PROMPTS.some((prompt) => this.text.endsWith(prompt))) {
      if (!this.#open) throw new Error(`the console ended before a prompt: ${JSON.stringify(this.text.slice(-500))}`)
      if (performance.now() > deadline)
        throw new Error(`no prompt within ${seconds} s: ${JSON.stringify(this.text.slice(-1500))}`)
      await this.type('')
      await sleep(NUDGE_MS)
    }
    this.#seen = this.text.length
  }

  /** Output of a shell command in the guest. */
  async ask(command: string, seconds = 60): Promise<string> {
    await this.prompt()
    // What is typed is echoed as well, broken into lines anywhere; the results of the sums are only in the output.
    await this.type(`echo begin-$((40+1)); ${command}; echo end-$((40+2))`)
    const [, output = ''] = await this.see(/begin-41\r*\n([\s\S]*?)end-42/, seconds)
    return output.replaceAll('\r', '').trim()
  }

  close(): void {
    this.#stream.close()
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder()
    for await (const chunk of this.#stream.readable) this.text += decoder.decode(chunk, { stream: true })
    this.#open = false
  }
}
