// What must hold at every moment of virtual time, whatever breaks. Looks at the hosts themselves, never at what anybody says of them.

import type { SimHost } from './host/host.ts'
import type { Domain } from './host/machine.ts'

const MIB = 1_048_576

export class Invariants {
  readonly #hosts: readonly SimHost[]
  readonly #epochs = new Map<string, number>()
  readonly #seen = new WeakSet<Domain>()
  /** Guests that ran on elsewhere: what they hold here is the past. */
  readonly #left = new WeakSet<Domain>()
  readonly #broken = new Set<string>()

  constructor(hosts: readonly SimHost[]) {
    this.#hosts = hosts
  }

  /** In words, what does not hold now and was not told before. */
  look(): readonly string[] {
    const domains = this.#hosts.flatMap((host) => host.machine.domains().map((domain) => ({ host, domain })))
    const found = [
      ...copies(domains),
      ...this.#hosts.flatMap(overbooked),
      ...domains.flatMap((one) => this.#history(one, domains)),
      ...domains.flatMap((one) => this.#epoch(one)),
    ]
    return found.filter((words) => {
      if (this.#broken.has(words)) return false
      this.#broken.add(words)
      return true
    })
  }

  /** A run that went on elsewhere never comes back to a memory that it has left. */
  #history({ host, domain }: Seen, all: readonly Seen[]): readonly string[] {
    if (domain.state !== 'running') return []
    for (const { domain: other } of all)
      if (other !== domain && other.run === domain.run && other.state !== 'incoming') this.#left.add(other)
    return this.#left.has(domain)
      ? [`${domain.name} goes on at ${host.name} with what it was before it ran elsewhere`]
      : []
  }

  #epoch({ host, domain }: Seen): readonly string[] {
    if (domain.state !== 'running' || this.#seen.has(domain)) return []
    this.#seen.add(domain)
    const highest = this.#epochs.get(domain.uid) ?? 0
    this.#epochs.set(domain.uid, Math.max(highest, domain.epoch))
    return domain.epoch < highest
      ? [`${domain.name} runs on ${host.name} by epoch ${domain.epoch}, although it ran by ${highest}`]
      : []
  }
}

interface Seen {
  readonly host: SimHost
  readonly domain: Domain
}

function copies(domains: readonly Seen[]): readonly string[] {
  const running = new Map<string, string[]>()
  for (const { host, domain } of domains)
    if (domain.state === 'running') running.set(domain.name, [...(running.get(domain.name) ?? []), host.name])
  return [...running].flatMap(([name, hosts]) =>
    hosts.length < 2 ? [] : [`${name} runs ${hosts.length} times: on ${hosts.join(' and ')}`],
  )
}

function overbooked({ name, spec, machine }: SimHost): readonly string[] {
  const domains = machine.domains()
  const cpu = domains.reduce((sum, { milliCores }) => sum + milliCores, 0)
  const memory = domains.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0)
  return [
    ...(cpu > spec.cores * 1000 ? [`${name} is overbooked: ${cpu}m of ${spec.cores * 1000}m CPU`] : []),
    ...(memory > spec.memoryMiB * MIB
      ? [`${name} is overbooked: ${memory} of ${spec.memoryMiB * MIB} bytes of memory`]
      : []),
  ]
}
