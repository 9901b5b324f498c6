// The watch over one transfer, from the moment that libvirt sends until it has sent everything: progress each second, and when it is given up.
// When the guest is stopped for the last of it Finishing is written, beside what is still sent: the target can be asked as soon as all is there.
// More is not written then: what is sent needs the processors, and what is written is read by many.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import {
  ConnectDomainEventBlockJobStatus as DiskJob,
  DomainEventType,
  type LibvirtEvent,
  type LibvirtPool,
} from '../../lib/libvirt/index.ts'
import type { DomainRef } from '../controllers/virtualmachine/observe.ts'
import type { Log } from '../log.ts'
import { abortJob, outgoingJob } from './domain.ts'
import { type GivenUp, type Progress, progressOf, verdict, type Watched, watched, watchFrom } from './progress.ts'
import { type MoveBinding, type Records, WHILE_PAUSED } from './records.ts'

const TICK_MS = 1_000
/** VIR_DOMAIN_EVENT_SUSPENDED_MIGRATED. */
const SUSPENDED_MIGRATED = 1
/** A disk's way to the target is called off, by libvirt, when nothing is missing there. */
const OVER: readonly number[] = [DiskJob.COMPLETED, DiskJob.CANCELED]
/** Passes over the memory before post-copy: a guest that calms down needs none. */
const POST_COPY_AFTER = 2

/** Why a transfer came to nothing; the machine is here. */
export class Stopped extends Error {
  readonly reason: string

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

export interface TransferDeps {
  readonly libvirt: Pick<LibvirtPool, 'call' | 'events'>
  readonly records: Records
  readonly clock: Clock
  readonly log: Log
}

export interface Transfer {
  readonly binding: MoveBinding
  readonly dom: DomainRef
  /** libvirt's call that sends. */
  readonly performing: Promise<{ readonly cookieOut: Uint8Array }>
  /** The guest's memory and the disks that go along. */
  readonly bytes: number
  /** Targets (`sda`) of disks that go along. */
  readonly disks: readonly string[]
  /** Told once, when the guest was stopped for the last of its memory and all of its disks are there; must not throw. Not told with post-copy. */
  readonly onLast: () => void
  readonly signal: AbortSignal
}

export interface Sent {
  /** libvirt's. */
  readonly cookie: Uint8Array
  /** When the guest was stopped, monotonic ms; null when that was not seen. */
  readonly stoppedAt: number | null
  /** Finishing is on disk. */
  readonly noted: boolean
}

/** Resolves when everything was sent; nothing is written by the watch any more then. @throws Stopped when it was ended, or failed by itself */
export async function watchTransfer(
  { clock, libvirt, records, log }: TransferDeps,
  { binding, dom, performing, bytes, disks, onLast, signal }: Transfer,
): Promise<Sent> {
  const uid = binding.metadata.name
  const { id, options } = binding.spec.migration
  const over = new AbortController()
  let ended: GivenUp | { readonly reason: string; readonly message: string } | null = null
  const until = AbortSignal.any([signal, over.signal])
  let watch: Watched = watchFrom(clock.monotonic())
  let progress: Progress = {}
  let postCopy = false
  let stoppedAt: number | null = null
  let noting: Promise<boolean> = Promise.resolve(false)
  const note = () =>
    records.write(uid, id, 'Finishing', {}, WHILE_PAUSED).then(
      () => true,
      (error: unknown) => {
        log.debug({ uid, err: error }, `migration: ${messageOf(error)}`)
        return false
      },
    )
  const stopped = async () => {
    if (options.postCopy === true) return
    const coming = new Set(disks)
    const kinds = disks.length > 0 ? (['lifecycle', 'blockJob'] as const) : (['lifecycle'] as const)
    for await (const event of libvirt.events<'lifecycle' | 'blockJob'>(kinds, { dom, signal: until })) {
      const isNews = event.kind === 'lifecycle' && isStop(event) && stoppedAt === null
      if (isNews) stoppedAt = clock.monotonic()
      if (event.kind === 'blockJob' && OVER.includes(event.status)) coming.delete(event.dst)
      const isLast = stoppedAt !== null && coming.size === 0
      if (isLast) onLast()
      if (isNews) noting = note()
      if (isLast) return
    }
  }
  const stopping = stopped().catch((error: unknown) => {
    if (!until.aborted) log.debug({ uid, err: error }, `migration: ${messageOf(error)}`)
  })
  const tick = async () => {
    await clock.sleep(TICK_MS, until)
    const stats = await outgoingJob(libvirt, dom, until)
    if (stats !== null) progress = progressOf(stats, progress)
    watch = watched(watch, progress, clock.monotonic())
    const fresh = records.get(uid)
    const wish = fresh?.spec.migration.id === id ? fresh.spec.migration : null
    if (wish === null || wish.cancel === true) ended = { reason: 'Aborted', message: 'it was called off' }
    ended ??= postCopy ? null : verdict(watch, progress, options, bytes, clock.monotonic())
    if (until.aborted) return
    if (ended !== null && !postCopy) await abortJob(libvirt, dom, signal)
    else if (options.postCopy === true && !postCopy && (progress.iteration ?? 0) >= POST_COPY_AFTER) {
      await libvirt.call('DomainMigrateStartPostCopy', { dom, flags: 0 }, { signal })
      postCopy = true
    }
    if (stats !== null && wish !== null && stoppedAt === null)
      await records.write(uid, id, 'Transferring', { progress })
  }
  const ticking = (async () => {
    while (!until.aborted)
      await tick().catch((error: unknown) => {
        if (!until.aborted) log.debug({ uid, err: error }, `migration: ${messageOf(error)}`)
      })
  })()
  try {
    const { cookieOut } = await performing
    // libvirt tells of the stop on another connection: what has come in the same moment counts.
    if (stoppedAt === null) await nextTurn()
    // Nothing is asked of libvirt, or called off, while the note is still being written.
    over.abort()
    return { cookie: cookieOut, stoppedAt, noted: await noting }
  } catch (error) {
    if (signal.aborted || ended === null) throw error
    const { reason, message } = ended
    throw new Stopped(reason, message, { cause: error })
  } finally {
    over.abort()
    await Promise.all([ticking, stopping, noting])
  }
}

const isStop = ({ event, detail }: LibvirtEvent<'lifecycle'>): boolean =>
  event === DomainEventType.SUSPENDED && detail === SUSPENDED_MIGRATED
