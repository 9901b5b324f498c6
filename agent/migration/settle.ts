// After Committed, at the target: the guest runs, its definition names this host's files, and what the move took is written down. May be
// repeated. A post-copy whose rest did not come is found here as well.
import type { Clock } from '../../lib/clock.ts'
import { destinationXml } from '../../lib/domain/index.ts'
import { messageOf } from '../../lib/errors.ts'
import type { LibvirtPool } from '../../lib/libvirt/index.ts'
import { type DomainRef, domainRef } from '../controllers/virtualmachine/observe.ts'
import type { Log } from '../log.ts'
import { erase, lookAt, resume, type Seen } from './domain.ts'
import type { Incoming, IncomingGuests } from './incoming.ts'
import type { Progress } from './progress.ts'
import { type MoveBinding, nameOf, type Records, recordOf } from './records.ts'

const DEFINE_MS = 30_000
const LOADED_MS = 1_000
/** virDomainRunningReason: post-copy under way, broken; virDomainPausedReason: broken. */
const RUNS_BY_POST_COPY = 10
/** virDomainShutoffReason. */
const SHUT_DOWN_BY_ITSELF = 1
const POST_COPY_BROKEN = { running: 11, paused: 13 } as const

export interface SettleDeps {
  readonly libvirt: Pick<LibvirtPool, 'call'>
  readonly records: Records
  readonly guests: IncomingGuests
  readonly clock: Clock
  readonly log: Log
  /** Where a file of the source is here; null when it has no place. */
  readonly locate: (binding: MoveBinding, path: string) => string | null
}

export interface Arrival {
  /** In this process; null after its end. */
  readonly incoming: Incoming | null
  /** The source has said that nothing more comes by post-copy. */
  readonly lost?: boolean
  readonly times?: Pick<Progress, 'downtimeMs' | 'totalMs'>
}

export async function settle(
  deps: SettleDeps,
  binding: MoveBinding,
  { incoming, lost = false, times = {} }: Arrival,
  signal: AbortSignal,
): Promise<'settled' | 'wait'> {
  const { libvirt, records, guests, clock, log } = deps
  const uid = binding.metadata.name
  const { id } = binding.spec.migration
  const dom = incoming?.dom ?? domainRef(nameOf(binding), uid)
  const seen = await whenLoaded(deps, dom, lost, signal)
  const byPostCopy = isByPostCopy(seen)
  if (byPostCopy && incoming === null && !lost) return 'wait'
  const end = { endTime: new Date(clock.now()).toISOString() }
  if (isBroken(seen) || (lost && byPostCopy) || (goesByPostCopy(binding) && isGone(seen))) {
    await erase(libvirt, dom, signal, 'kept')
    guests.release(uid)
    const message =
      'the connection broke while parts of the guest were on both hosts: it is started anew by its run policy'
    await records.write(uid, id, 'Committed', { reason: 'PostCopyFailed', message, ...end })
    return 'settled'
  }
  if (seen.domain === 'paused' || seen.domain === 'handed') await resume(libvirt, dom, signal)
  if (seen.domain !== 'absent')
    await define(deps, binding, { dom, incoming }, signal).catch((error: unknown) =>
      log.warn({ uid, err: error }, `migration: the definition names files of the other host: ${messageOf(error)}`),
    )
  const known = recordOf(records.get(uid) ?? binding)?.progress ?? {}
  await records.write(uid, id, 'Committed', { ...end, progress: { ...known, percent: 100, ...times } })
  guests.release(uid)
  return 'settled'
}

const goesByPostCopy = ({ spec }: MoveBinding): boolean => spec.migration.options.postCopy === true

/**
 * It ended before all of it was here: by post-copy Committed is on disk before libvirt is told to let it run, and libvirt ends it with the agent
 * that died in between. One that powered itself off was whole.
 */
const isGone = ({ domain, reason }: Seen): boolean =>
  domain === 'absent' || (domain === 'off' && reason !== SHUT_DOWN_BY_ITSELF)

const isByPostCopy = ({ domain, reason }: Seen): boolean => domain === 'running' && reason === RUNS_BY_POST_COPY

const isBroken = ({ domain, reason }: Seen): boolean =>
  (domain === 'running' && reason === POST_COPY_BROKEN.running) ||
  (domain === 'split' && reason === POST_COPY_BROKEN.paused)

/** A source that has sent everything is gone, too: one that says so may be a moment ahead of the libvirt here. */
async function whenLoaded(
  { libvirt, clock }: Pick<SettleDeps, 'libvirt' | 'clock'>,
  dom: DomainRef,
  lost: boolean,
  signal: AbortSignal,
): Promise<Seen> {
  const seen = await lookAt(libvirt, dom, signal)
  if (!lost || !isByPostCopy(seen)) return seen
  await clock.sleep(LOADED_MS, signal)
  return await lookAt(libvirt, dom, signal)
}

/** libvirt's own copy of the definition names the source's files, where it came with the cookie. */
async function define(
  { libvirt, locate }: SettleDeps,
  binding: MoveBinding,
  { dom, incoming }: { readonly dom: DomainRef; readonly incoming: Incoming | null },
  signal: AbortSignal,
): Promise<void> {
  const { epoch } = binding.spec.migration
  const known = async () =>
    destinationXml((await libvirt.call('DomainGetXMLDesc', { dom, flags: 3 }, { signal })).xml, {
      locate: (path) => locate(binding, path),
      epoch,
    })
  const xml = incoming?.xml ?? (await known())
  await libvirt.call('DomainDefineXMLFlags', { xml, flags: 0 }, { signal, timeoutMs: DEFINE_MS })
}
