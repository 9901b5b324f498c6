// When a guest's CPUs stopped at one host and ran at the other, by libvirt's own events of both, seen by one observer: the same for whoever
// moves it.

import type { LibvirtEvent } from '../../../lib/libvirt/index.ts'
import { DomainEventType, type LibvirtPool, type Subscription } from '../../../lib/libvirt/index.ts'

interface Seen {
  readonly host: string
  readonly uuid: string
  readonly event: number
  /** Monotonic ms. */
  readonly at: number
}

/** In ms since the move was begun. */
export interface Pause {
  readonly stopped: number
  readonly ran: number
}

/** Null: it was not seen whole. */
export const lengthOf = (pause: Pause | null): number | null => (pause === null ? null : pause.ran - pause.stopped)

export class Pauses {
  readonly #seen: Seen[] = []
  readonly #subscriptions: Subscription<LibvirtEvent<'lifecycle'>>[] = []
  #following: Promise<unknown> = Promise.resolve()

  async start(hosts: readonly { readonly name: string; readonly libvirt: LibvirtPool }[]): Promise<void> {
    this.#following = Promise.all(
      hosts.map(async ({ name, libvirt }) => {
        const events = libvirt.events('lifecycle')
        this.#subscriptions.push(events)
        for await (const event of events)
          if (event.kind === 'lifecycle')
            this.#seen.push({ host: name, uuid: event.dom.uuid, event: event.event, at: performance.now() })
      }),
    )
    await Promise.all(this.#subscriptions.map(({ ready }) => ready))
  }

  async stop(): Promise<void> {
    for (const subscription of this.#subscriptions) subscription.close()
    await this.#following
  }

  /** Of the guest's move since `begun`; null when an event is missing. */
  of(uuid: string, from: string, to: string, begun: number): Pause | null {
    const find = (host: string, kind: number) =>
      this.#seen.find((one) => one.uuid === uuid && one.host === host && one.event === kind && one.at >= begun)?.at
    const stopped = find(from, DomainEventType.SUSPENDED)
    const ran = find(to, DomainEventType.RESUMED)
    return stopped === undefined || ran === undefined ? null : { stopped: stopped - begun, ran: ran - begun }
  }
}
