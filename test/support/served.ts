// Files and bytes that a lab's hosts download from the test.
import { createReadStream, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export class Served {
  /** `http://ADDRESS:PORT` */
  readonly origin: string
  readonly #answers = new Map<string, Answer>()

  constructor(origin: string) {
    this.origin = origin
  }

  url(name: string): string {
    return `${this.origin}/${name}`
  }

  /** Serves a file under a name; returns its URL. */
  file(name: string, path: string): string {
    return this.with(name, (_, response) => {
      response.writeHead(200, { 'content-length': statSync(path).size })
      createReadStream(path)
        .on('error', () => response.destroy())
        .pipe(response)
    })
  }

  bytes(name: string, content: Buffer): string {
    return this.with(name, (_, response) => {
      response.writeHead(200, { 'content-length': content.length })
      Readable.from([content]).pipe(response)
    })
  }

  /** Lets the test answer by itself. */
  with(name: string, answer: Answer): string {
    this.#answers.set(`/${name}`, answer)
    return this.url(name)
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const found = this.#answers.get(request.url ?? '')
    if (found === undefined) response.writeHead(404).end()
    else found(request, response)
  }
}
