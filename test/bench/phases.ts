// What a watcher of the API sees of the virtual machines, with the moment at which it saw it.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../../lib/client/client.ts'
import type { ResourceInfo } from '../../lib/client/paths.ts'
import type { KubeObject } from '../../lib/object.ts'

/** `Gone` when the object is no more. */
export type Seen = string

export interface Sight {
  readonly phase: Seen
  /** Monotonic ms: when the watcher had it in hands. */
  readonly at: number
}

interface Waiter {
  readonly phase: Seen
  readonly tell: (sight: Sight) => void
}

const NONE: Sight = { phase: 'Gone', at: 0 }

export class Phases {
  readonly #sights = new Map<string, Sight>()
  readonly #waiters = new Map<string, Set<Waiter>>()
  readonly #stop = new AbortController()
  #following: Promise<void> = Promise.resolve()
  #changedAt = 0

  /** Resolves when the watch stands: from then on nothing is missed. */
  start(client: Client, resource: ResourceInfo): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#following = this.#follow(client, resource, resolve).catch(reject)
    })
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the bench is over'))
    await this.#following
  }

  now(name: string): Sight {
    return this.#sights.get(name) ?? NONE
  }

  /** Until nothing of any machine has changed for `ms`. @throws Error after `timeoutMs` */
  async quiet(ms: number, timeoutMs: number): Promise<void> {
    const end = performance.now() + timeoutMs
    for (;;) {
      const left = this.#changedAt + ms - performance.now()
      if (left <= 0) return
      if (performance.now() + left > end) throw new Error(`the machines kept changing for ${timeoutMs} ms`)
      await sleep(left)
    }
  }

  /** The first sight of `phase` from now on, or at once when that is what is seen. @throws Error after `timeoutMs`, naming what was seen last */
  until(name: string, phase: Seen, timeoutMs: number): Promise<Sight> {
    if (this.now(name).phase === phase) return Promise.resolve(this.now(name))
    return new Promise((resolve, reject) => {
      const waiters = this.#waiters.get(name) ?? new Set()
      this.#waiters.set(name, waiters)
      const late = () => {
        waiters.delete(waiter)
        reject(new Error(`${name} was not seen ${phase} within ${timeoutMs} ms; last seen ${this.now(name).phase}`))
      }
      const timer = setTimeout(late, timeoutMs)
      const waiter: Waiter = {
        phase,
        tell: (sight) => {
          clearTimeout(timer)
          waiters.delete(waiter)
          resolve(sight)
        },
      }
      waiters.add(waiter)
    })
  }

  async #follow(client: Client, resource: ResourceInfo, ready: () => void): Promise<void> {
    const { signal } = this.#stop
    try {
      for await (const change of client.objects.follow<KubeObject>(resource, {}, { signal })) {
        if (change.type === 'sync') {
          for (const object of change.items) this.#see(object.metadata.name, phaseOf(object))
          ready()
        } else this.#see(change.object.metadata.name, change.type === 'gone' ? 'Gone' : phaseOf(change.object))
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  #see(name: string, phase: Seen): void {
    const sight = { phase, at: performance.now() }
    this.#changedAt = sight.at
    if (this.now(name).phase !== phase) this.#sights.set(name, sight)
    for (const waiter of this.#waiters.get(name) ?? []) if (waiter.phase === phase) waiter.tell(sight)
  }
}

export function phaseOf({ status }: KubeObject): Seen {
  const phase = typeof status === 'object' && status !== null && 'phase' in status ? status.phase : undefined
  return typeof phase === 'string' ? phase : 'Pending'
}
