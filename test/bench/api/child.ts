// The parent's side of a server under measurement.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Ask, Figures } from './subject.ts'

const ANSWER_MS = 120_000

export class Child {
  readonly socket: string
  readonly #process: ChildProcess

  private constructor(process: ChildProcess, socket: string) {
    this.#process = process
    this.socket = socket
  }

  /** Resolves when it listens. */
  static async start(kind: 'api' | 'bare', folder: string): Promise<Child> {
    const program = fileURLToPath(new URL('./subject.js', import.meta.url))
    const child = new Child(fork(program, [kind, folder], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }), '')
    await child.#answer()
    return new Child(child.#process, `${folder}/${kind}.sock`)
  }

  async ask(ask: Ask): Promise<Figures> {
    const answer = this.#answer()
    this.#process.send(ask)
    return answer
  }

  #answer(): Promise<Figures> {
    return new Promise((resolve, reject) => {
      const end = (act: () => void) => {
        clearTimeout(timer)
        this.#process.off('message', told)
        this.#process.off('exit', ended)
        act()
      }
      const told = (message: { readonly value?: Figures; readonly error?: string }) =>
        end(() => (message.value ? resolve(message.value) : reject(new Error(message.error))))
      const ended = (code: number | null) => end(() => reject(new Error(`the server ended with ${code}`)))
      const timer = setTimeout(() => end(() => reject(new Error('the server does not answer'))), ANSWER_MS)
      this.#process.on('message', told)
      this.#process.on('exit', ended)
    })
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const ended = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()))
    this.#process.disconnect()
    await ended
  }
}
