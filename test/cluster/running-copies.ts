// Asks libvirt of all hosts, all the time, whether a machine runs on two of them.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { domainRef } from '../../agent/controllers/virtualmachine/observe.ts'
import { LibvirtPool } from '../../lib/libvirt/index.ts'
import type { LabHost } from '../support/lab-host.ts'

const EVERY_MS = 25
const CALL_MS = 3_000
/** virDomainState: running, blocked. */
const RUNNING: readonly number[] = [1, 2]

export interface Watched {
  /** `namespace.name` of its domain. */
  readonly domain: string
  readonly uid: string
}

export class RunningCopies {
  /** In words, each time when there were two. */
  readonly twice: string[] = []
  /** How often a machine was looked at, on all hosts that answered. */
  looks = 0
  readonly #hosts: readonly { readonly name: string; readonly libvirt: LibvirtPool }[]
  readonly #machines: readonly Watched[]
  readonly #over = new AbortController()
  #watching: Promise<void> = Promise.resolve()

  /** Begins when libvirt of all hosts has answered. */
  static async open(hosts: readonly LabHost[], machines: readonly Watched[]): Promise<RunningCopies> {
    const copies = new RunningCopies(hosts, machines)
    await Promise.all(copies.#hosts.map(({ libvirt }) => libvirt.connect()))
    copies.#watching = copies.#watch()
    return copies
  }

  private constructor(hosts: readonly LabHost[], machines: readonly Watched[]) {
    this.#hosts = hosts.map(({ name, dir }) => ({
      name,
      libvirt: new LibvirtPool({ socketPath: join(dir, 'run/libvirt/libvirt-sock'), uri: 'qemu:///system' }),
    }))
    this.#machines = machines
  }

  async stop(): Promise<void> {
    this.#over.abort()
    await this.#watching
    await Promise.all(this.#hosts.map(({ libvirt }) => libvirt.close()))
  }

  /** Names of the hosts on which its CPUs run now; a host whose libvirt does not answer is not among them. */
  async of(machine: Watched): Promise<readonly string[]> {
    const states = await Promise.all(this.#hosts.map((host) => this.#runs(host, machine)))
    return this.#hosts.flatMap(({ name }, index) => (states[index] === true ? [name] : []))
  }

  /** virDomainState and its reason; null: no domain, or libvirt does not say. */
  async stateAt(name: string, { domain, uid }: Watched): Promise<readonly [number, number] | null> {
    const host = this.#hosts.find((one) => one.name === name)
    if (host === undefined) throw new Error(`no host ${name}`)
    const dom = domainRef(domain, uid)
    return await host.libvirt.call('DomainGetState', { dom, flags: 0 }, { timeoutMs: CALL_MS, lane: 'light' }).then(
      ({ state, reason }) => [state, reason] as const,
      () => null,
    )
  }

  /** The hosts one after the other and then the first ones again: who ran before and after another one ran, ran beside it. */
  async #watch(): Promise<void> {
    while (!this.#over.signal.aborted) {
      for (const machine of this.#machines) {
        const seen: string[] = []
        for (const host of [...this.#hosts, ...this.#hosts])
          if ((await this.#runs(host, machine)) === true) seen.push(host.name)
        this.looks++
        const together = seen.find((name, index) => seen.slice(0, index).includes(name) && seen[index - 1] !== name)
        if (together !== undefined)
          this.twice.push(`${new Date().toISOString()} ${machine.domain} ran on ${[...new Set(seen)].join(' and ')}`)
      }
      await sleep(EVERY_MS)
    }
  }

  /** Null: its libvirt does not say. */
  async #runs({ name }: { readonly name: string }, machine: Watched): Promise<boolean | null> {
    const seen = await this.stateAt(name, machine)
    return seen === null ? null : RUNNING.includes(seen[0])
  }
}
