// Hosts that are not heard of, and machines that are started elsewhere because of it. One pass at a time over all keys: a host that comes
// back and a machine that leaves it are never decided at the same moment.
import { again, type Outcome, type Reconciler } from '../../lib/reconcile/types.ts'
import { HostsPass, type HostsPassDeps } from './hosts-pass.ts'
import { MachinePass, type MachinePassDeps } from './machine-pass.ts'

/** The key of the pass over hosts. Names of machines have a namespace before the slash. */
export const HOSTS_KEY = '/hosts'

export interface FailoverDeps extends HostsPassDeps, MachinePassDeps {
  readonly clock: HostsPassDeps['clock']
  readonly resources: HostsPassDeps['resources']
  /** In words, why this scheduler may not decide anything now; null: it may. */
  readonly frozen: () => string | null
  /** It never will again: another scheduler rules. */
  readonly isOver: () => boolean
}

const RETRY_MS = 5_000

export class FailoverReconciler implements Reconciler {
  readonly #deps: FailoverDeps
  readonly #hosts: HostsPass
  readonly #machine: MachinePass
  /** Since when this scheduler may decide; while it may not, it takes no renewals either. Null: it may not. */
  #actsSince: number | null = null

  constructor(deps: FailoverDeps) {
    this.#deps = deps
    this.#hosts = new HostsPass(deps)
    this.#machine = new MachinePass(deps)
  }

  async reconcile(key: string): Promise<Outcome> {
    const why = this.#deps.frozen()
    if (why !== null) {
      this.#actsSince = null
      if (this.#deps.isOver()) await this.#hush(key)
      return again(RETRY_MS, why)
    }
    this.#actsSince ??= this.#deps.clock.monotonic()
    return key === HOSTS_KEY ? await this.#hosts.run(this.#actsSince) : await this.#machine.run(key)
  }

  #hush(key: string): Promise<void> {
    return key === HOSTS_KEY ? this.#hosts.hush() : this.#machine.hush(key)
  }
}
