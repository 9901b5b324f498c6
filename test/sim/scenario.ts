// A scenario's file: hosts, machines, and what happens when. Read and checked here; done in deeds.ts.
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { parse } from 'yaml'

export interface HostText {
  readonly cores?: number
  /** MiB. */
  readonly memory?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly taints?: readonly object[]
  /** CPU models that run there; the last one is its own. */
  readonly models?: readonly string[]
  /** `watchdog`, `timeout` and the seconds after the lease's end: `watchdog 10`; with `whole` the host is reset in any case. */
  readonly evidence?: string
  /** Whether somebody can cut its power from outside, and how that ends. */
  readonly fencing?: 'works' | 'fails' | 'hangs'
  /** Joins by a command, not at the beginning. */
  readonly later?: boolean
}

export interface VmText {
  readonly cores?: number
  readonly fraction?: string
  /** A quantity: `1Gi`. */
  readonly memory?: string
  /** Its disk lies on storage that every host reaches. Default: on the host. */
  readonly shared?: boolean
  readonly failover?: boolean
  /** A name ending in `-%` makes so many of it. */
  readonly count?: number
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Fields of the spec as they are. */
  readonly spec?: Readonly<Record<string, unknown>>
  /** Made by a command, not at the beginning. */
  readonly later?: boolean
}

export interface Deed {
  /** Virtual seconds. */
  readonly at: number
  readonly words: readonly string[]
  readonly text: string
}

export interface Scenario {
  readonly name: string
  readonly about: string
  /** Null: a calm run, in which everything takes as long as ever. */
  readonly seed: number | null
  readonly hosts: Readonly<Record<string, HostText>>
  readonly vms: Readonly<Record<string, VmText>>
  /** Objects as they are, for `apply`; those without a command that names them are there from the beginning. */
  readonly objects: Readonly<Record<string, object>>
  /** Fields of the scheduler's configuration. */
  readonly scheduler: Readonly<Record<string, unknown>>
  readonly deeds: readonly Deed[]
  /** Virtual seconds. */
  readonly end: number
  /** What the invariants are expected to say, where a scenario shows a known limit. */
  readonly broken: readonly string[]
}

const FIELDS = ['about', 'seed', 'hosts', 'vms', 'objects', 'scheduler', 'commands', 'end', 'broken']

/** @throws Error that names the file and what is wrong with it */
export function readScenario(path: string): Scenario {
  const name = basename(path).replace(/\.yaml$/, '')
  const text = parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  const unknown = Object.keys(text).filter((field) => !FIELDS.includes(field))
  if (unknown.length > 0) throw new Error(`${path}: no such field: ${unknown.join(', ')}`)
  if (typeof text.about !== 'string' || typeof text.end !== 'number')
    throw new Error(`${path}: about and end are needed`)
  return {
    name,
    about: text.about,
    seed: typeof text.seed === 'number' ? text.seed : null,
    hosts: hostsOf(text.hosts ?? 3),
    vms: counted((text.vms ?? {}) as Record<string, VmText | null>),
    objects: (text.objects ?? {}) as Record<string, object>,
    scheduler: (text.scheduler ?? {}) as Record<string, unknown>,
    deeds: ((text.commands ?? []) as string[]).map((line) => deedOf(path, line)),
    end: text.end,
    broken: (text.broken ?? []) as string[],
  }
}

function hostsOf(hosts: unknown): Record<string, HostText> {
  if (typeof hosts === 'number')
    return Object.fromEntries(Array.from({ length: hosts }, (_, index) => [`h${index + 1}`, {}]))
  return Object.fromEntries(
    Object.entries(hosts as Record<string, HostText | null>).map(([name, host]) => [name, host ?? {}]),
  )
}

function counted(vms: Readonly<Record<string, VmText | null>>): Record<string, VmText> {
  return Object.fromEntries(
    Object.entries(vms).flatMap(([name, text]) => {
      const vm = text ?? {}
      if (vm.count === undefined) return [[name, vm]]
      return Array.from({ length: vm.count }, (_, index) => [name.replace('%', String(index + 1)), vm] as const)
    }),
  )
}

/** `60 off h1`, `1:30 on h1`. */
function deedOf(path: string, line: string): Deed {
  const [time = '', ...words] = String(line).trim().split(/\s+/)
  const parts = time.split(':').map(Number)
  if (words.length === 0 || parts.some(Number.isNaN))
    throw new Error(`${path}: "${line}" is not TIME COMMAND ARGUMENTS`)
  return { at: parts.reduce((sum, part) => sum * 60 + part, 0), words, text: words.join(' ') }
}
