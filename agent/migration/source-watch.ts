// What the host that a guest leaves by post-copy watches while the target is asked to finish: whether QEMU lets the guest go on here by itself,
// as it does when the connection breaks at the very end, and whether what the target waits for is lost.
import { messageOf } from '../../lib/errors.ts'
import { DomainEventType, type LibvirtPool } from '../../lib/libvirt/index.ts'
import type { DomainRef } from '../controllers/virtualmachine/observe.ts'
import { lookAt } from './domain.ts'
import type { MoveBinding } from './records.ts'
import { askPeer, type SourceEnds, type SourceEndsDeps } from './source-ends.ts'

const TICK_MS = 1_000
const CALL_MS = 60_000

export interface SourceWatchDeps extends Omit<SourceEndsDeps, 'libvirt'> {
  readonly libvirt: Pick<LibvirtPool, 'call' | 'events'>
}

export interface Undecided {
  readonly binding: MoveBinding
  readonly dom: DomainRef
  /** Aborted when the target has answered. */
  readonly until: AbortSignal
}

/**
 * Until the target has answered: stops a guest that goes on here as soon as libvirt tells of it, and tells the target when it waits in vain.
 * The subscription is asked for before this returns its promise. Never rejects; what could not be done is logged, and tried again at the next look.
 */
export async function watchUndecided(deps: SourceWatchDeps, ends: SourceEnds, undecided: Undecided): Promise<void> {
  const { libvirt, clock, peers, log } = deps
  const { binding, dom, until } = undecided
  const tolerate = (error: unknown): void => {
    if (!until.aborted) log.info({ uid: binding.metadata.name, err: error }, `migration: ${messageOf(error)}`)
  }
  const holdBack = async () => {
    // Events that waited are read after the answer too.
    until.throwIfAborted()
    if ((await lookAt(libvirt, dom, until)).domain === 'running') await ends.holdBack(binding, dom, until)
  }
  // One look after the other: the second sees what the first has stopped.
  let looked: Promise<void> = Promise.resolve()
  const look = (): Promise<void> => {
    looked = looked.then(holdBack).catch(tolerate)
    return looked
  }
  const hear = async () => {
    // Other kinds are notices that events were missed.
    for await (const item of libvirt.events('lifecycle', { dom, signal: until }))
      if (item.kind !== 'lifecycle' || item.event === DomainEventType.RESUMED) await look()
  }
  const eachSecond = async (work: () => Promise<unknown>) => {
    while (!until.aborted) await clock.sleep(TICK_MS, until).then(work).catch(tolerate)
  }
  const tellLoss = async () => {
    if (await ends.hasLost(dom, until)) await askPeer(peers, binding, 'lost', {}, until, CALL_MS)
  }
  // What libvirt does not tell is found by looking.
  await Promise.all([hear().catch(tolerate), eachSecond(look), eachSecond(tellLoss)])
}
