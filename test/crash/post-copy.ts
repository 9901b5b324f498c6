// A move by post-copy: the guest runs at the target while a part of it is still at the source, and who dies then may break it. Points that
// lie there have names of their own.
import {
  DomainMigrateFlags as Flag,
  type LibvirtEvent,
  DomainEventResumedDetailType as Resumed,
  DomainEventSuspendedDetailType as Suspended,
  DomainEventType as Type,
} from '../../lib/libvirt/index.ts'
import type { ArgsOf, CallName } from '../../lib/libvirt/protocol.ts'
import type { Change } from '../../lib/store/store.ts'
import type { HostBinding } from '../../schemas/index.ts'

export const byPostCopy = (point: string): string => `post-copy/${point}`

export const goesByPostCopy = ({ spec }: HostBinding): boolean => spec.migration?.options.postCopy === true

/** While these are under way libvirt may have the guest run at the target. */
export const POST_COPY_CALLS = [
  'DomainMigratePerform3Params',
  'DomainMigrateFinish3Params',
  'DomainMigrateConfirm3Params',
] as const satisfies readonly CallName[]

/** It was stopped at the source; it runs at the target. */
const [LEFT, RUNS] = ['left', 'runs'].map((what) => byPostCopy(`event/${what}`)) as [string, string]
export const POST_COPY_EVENTS: readonly string[] = [LEFT, RUNS]

/** The point of what libvirt tells; null: it has none. */
export function postCopyEvent(event: LibvirtEvent): string | null {
  if (event.kind !== 'lifecycle') return null
  if (event.event === Type.SUSPENDED && event.detail === Suspended.POSTCOPY) return LEFT
  return event.event === Type.RESUMED && event.detail === Resumed.POSTCOPY ? RUNS : null
}

/** A call that is part of such a move, and does not call it off. */
export function callsPostCopy<N extends CallName>(name: N, args: ArgsOf<N>): boolean {
  if (!(POST_COPY_CALLS as readonly CallName[]).includes(name)) return false
  const { flags = 0, cancelled = 0 } = args as { readonly flags?: number; readonly cancelled?: number }
  return (flags & Flag.POSTCOPY) !== 0 && cancelled === 0
}

/** Which moves of this process's time go by post-copy, by their ids: what one host asks another does not say so. */
export class PostCopies {
  readonly #ids = new Set<string>()

  has(id: string): boolean {
    return this.#ids.has(id)
  }

  note(change: Change): void {
    if (change.type === 'delete' || change.entry.value.kind !== 'HostBinding') return
    const binding = change.entry.value as HostBinding
    const id = binding.spec.migration?.id
    if (id !== undefined && goesByPostCopy(binding)) this.#ids.add(id)
  }
}
