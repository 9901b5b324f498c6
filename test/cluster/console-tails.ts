// What a machine has said on the consoles of all hosts that ever had it. A host's file goes when the machine has left; so each file is
// held open from when it is first seen, and read to its end.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { LabHost } from '../support/lab-host.ts'
import { badSumsIn, countsIn, goodSumsIn, otherLinesIn } from './counting-guest.ts'

interface Tail {
  readonly host: string
  readonly fd: number
  text: string
  /** Where in it begins what counts. */
  from: number
}

/** How much each file had said, by inode. */
export type Said = ReadonlyMap<number, number>

const EVERY_MS = 50
const FIRST_COUNT = /^COUNT 1\r?$/m
const CHUNK = Buffer.alloc(65_536)

export class ConsoleTails {
  readonly #paths: readonly (readonly [string, string])[]
  /** By inode: a file that was removed keeps its number for as long as it is open here. */
  readonly #tails = new Map<number, Tail>()
  readonly #timer: NodeJS.Timeout

  constructor(hosts: readonly LabHost[], uid: string) {
    this.#paths = hosts.map(({ name, stateDir }) => [name, join(stateDir, 'console', `${uid}.log`)])
    this.#read()
    this.#timer = setInterval(() => this.#read(), EVERY_MS)
  }

  close(): void {
    clearInterval(this.#timer)
    for (const { fd } of this.#tails.values()) closeSync(fd)
    this.#tails.clear()
  }

  /** Numbers that were counted, on one host or on all, as they came. Lines that are not whole yet are not among them. */
  counts(host?: string): readonly number[] {
    return this.#texts(host).flatMap(countsIn)
  }

  /** How often a guest began to count on this host: it was started there so often. */
  starts(host: string): number {
    return this.counts(host).filter((count) => count === 1).length
  }

  /** For {@link startsSince} and {@link beginAnew}. */
  said(): Said {
    return new Map([...this.#tails].map(([ino, { text }]) => [ino, text.length]))
  }

  /** How often a guest began to count since then, on any host. */
  startsSince(said: Said): number {
    return [...this.#tails].flatMap(([ino, tail]) => countsIn(whole(tail, said.get(ino)))).filter((n) => n === 1).length
  }

  /** The guest was started anew since then: what it had said before does not count any more. What anybody else says yet does. */
  beginAnew(said: Said): void {
    for (const [ino, tail] of this.#tails) {
      const since = said.get(ino) ?? 0
      const first = whole(tail, since).search(FIRST_COUNT)
      tail.from = first < 0 ? tail.text.length : since + first
    }
  }

  /** Files that were read back as they were written. */
  goodSums(host?: string): readonly number[] {
    return this.#texts(host).flatMap(goodSumsIn)
  }

  /**
   * What a guest that lived on unharmed would not say, in words.
   * @param torn a line that was being written when the machine was handed over is in two files, a part in each: so many numbers may be missing
   */
  faults(torn: number): readonly string[] {
    const counted = [...this.counts()].sort((a, b) => a - b)
    const twice = counted.filter((count, index) => counted[index - 1] === count)
    const [first = 0, last = 0] = [counted[0], counted.at(-1)]
    const seen = new Set(counted)
    const missing = Array.from({ length: last - first + 1 }, (_, index) => first + index).filter((n) => !seen.has(n))
    const bad = this.#texts().flatMap(badSumsIn)
    return [
      ...(twice.length > 0 ? [`counted twice: ${twice}`] : []),
      ...(missing.length > torn
        ? [`missing: ${missing}; lines that are no numbers: ${JSON.stringify(this.#texts().flatMap(otherLinesIn))}`]
        : []),
      ...(bad.length > 0 ? [`files that are not as the guest wrote them: ${bad}`] : []),
      ...(this.#texts().some((text) => text.includes('Kernel panic')) ? ['the kernel of the guest panicked'] : []),
    ]
  }

  /** The end of what each host has, for people. */
  toString(): string {
    return [...this.#tails.values()].map(({ host, text }) => `${host}: …${text.slice(-400)}`).join('\n')
  }

  /** Reads what is new. Is called often: a file that comes and goes between two calls is not seen. */
  #read(): void {
    for (const [host, path] of this.#paths) {
      const fd = opened(path)
      if (fd === null) continue
      const { ino } = fstatSync(fd)
      if (this.#tails.has(ino)) closeSync(fd)
      else this.#tails.set(ino, { host, fd, text: '', from: 0 })
    }
    for (const tail of this.#tails.values())
      for (let length = readSync(tail.fd, CHUNK); length > 0; length = readSync(tail.fd, CHUNK))
        tail.text += CHUNK.toString('latin1', 0, length)
  }

  #texts(host?: string): readonly string[] {
    return [...this.#tails.values()]
      .filter((tail) => host === undefined || tail.host === host)
      .map((tail) => whole(tail))
  }
}

/** Lines that are whole, from there on. */
const whole = ({ text, from }: Tail, at = from): string => text.slice(at, text.lastIndexOf('\n') + 1)

function opened(path: string): number | null {
  try {
    return openSync(path, 'r')
  } catch {
    return null
  }
}
