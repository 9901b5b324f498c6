// What tells an agent of tests where to die, as files beside its configuration: an order that the test writes, and what was passed and
// where it died, which the agent writes. Both sides read them anew each time, so that neither has to be told.
import { appendFileSync, readFileSync, rmSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export type Order =
  /** Die at the nth passing of this point, once. */
  | { readonly do: 'die'; readonly id: string; readonly point: string; readonly nth: number }
  /** Write down what is passed, and die at the first passing of each of these; of none to live on. */
  | { readonly do: 'die-at-each'; readonly points: readonly string[] }

export class Orders {
  readonly #order: string
  readonly #passed: string
  readonly #died: string

  /** @param folder that of the agent's configuration */
  constructor(folder: string) {
    this.#order = join(folder, 'crash-order.json')
    this.#passed = join(folder, 'crash-passed.log')
    this.#died = join(folder, 'crash-died.log')
  }

  async give(order: Order): Promise<void> {
    await writeFile(`${this.#order}.new`, JSON.stringify(order))
    await rename(`${this.#order}.new`, this.#order)
  }

  /** No order any more, and nothing passed or died of yet. */
  async clear(): Promise<void> {
    for (const path of [this.#order, this.#passed, this.#died]) await rm(path, { force: true })
  }

  get(): Order | null {
    const text = textOf(this.#order)
    return text === '' ? null : (JSON.parse(text) as Order)
  }

  /** Points in the order of passing, while the order was `die-at-each`. */
  passed(): readonly string[] {
    return linesOf(this.#passed)
  }

  /** Points at which an agent died, in that order. */
  died(): readonly string[] {
    return linesOf(this.#died)
  }

  /** For the agent. The caller dies next: the lines must not wait for it. */
  notePassed(point: string): void {
    appendFileSync(this.#passed, `${point}\n`)
  }

  /** For the agent that is about to die. */
  noteDeath(point: string): void {
    appendFileSync(this.#died, `${point}\n`)
  }

  /** For the agent: an order to die once is carried out. */
  fulfil(): void {
    rmSync(this.#order, { force: true })
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

const linesOf = (path: string): readonly string[] => textOf(path).split('\n').filter(Boolean)
