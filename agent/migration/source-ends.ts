// How a move ends at the host that the machine leaves, also after a cut: the guest goes on here, is at the target, or starts anew.
//
// INVARIANTS
// - Once the target was asked, the guest is let go on here only by the target's Failed, or by somebody's word (KeepSource).
// - Failed on disk means that what is here may go on: a copy that may not is ended before.
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import type { LibvirtPool } from '../../lib/libvirt/index.ts'
import type { HandoverAnswer, HandoverAsk } from '../../schemas/index.ts'
import type { DomainRef } from '../controllers/virtualmachine/observe.ts'
import type { Log } from '../log.ts'
import { type GivenUp, KEPT_JOB, SPLIT, type Words } from './broken.ts'
import { abortJob, end, erase, lookAt, outgoingJob, resume, sentBytes, suspend } from './domain.ts'
import type { Peers } from './peers.ts'
import { type MoveBinding, type Records, recordOf } from './records.ts'
import { isHeldBack, type SourceDomain } from './source-plan.ts'
import { STUCK_MS } from './stuck-jobs.ts'

/** The guest is paused while this waits. */
export const ASK_MS = 5_000
/** A job that was told to end, and has not, is told again. */
const ABORT_MS = 500
/** A post-copy that sends nothing for so long, and that libvirt calls broken, is. */
const STALLED_MS = 5_000
/** virDomainPausedReason. */
const PAUSED_POST_COPY_FAILED = 13

export const isPostCopy = ({ spec }: MoveBinding): boolean => spec.migration.options.postCopy === true

/** What is here is no whole guest. `isSent`: libvirt had sent it, or begun a post-copy. */
export const isSplit = (binding: MoveBinding, domain: SourceDomain, isSent: boolean): boolean =>
  domain === 'split' || (isPostCopy(binding) && isSent && (domain === 'off' || domain === 'absent'))

/** A question to the host that the machine goes to. @throws ApiError, PeerSilent */
export function askPeer(
  peers: Peers,
  { metadata: { name: uid }, spec: { migration } }: MoveBinding,
  ask: HandoverAsk['ask'],
  more: Omit<HandoverAsk, 'uid' | 'id' | 'ask'>,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<HandoverAnswer> {
  return peers.ask(migration.peer, { uid, id: migration.id, ask, ...more }, { signal, timeoutMs })
}

export interface SourceEndsDeps {
  readonly libvirt: Pick<LibvirtPool, 'call'>
  readonly records: Records
  readonly peers: Peers
  readonly clock: Clock
  readonly log: Log
}

export class SourceEnds {
  readonly #deps: SourceEndsDeps

  constructor(deps: SourceEndsDeps) {
    this.#deps = deps
  }

  /**
   * What the target says when it is asked to give up; Undecided also when it does not answer, or knows nothing of the move: it is asked again
   * later. @throws the signal's reason alone
   */
  async askTarget(
    binding: MoveBinding,
    dom: DomainRef,
    signal: AbortSignal,
  ): Promise<'Committed' | 'Failed' | 'Undecided'> {
    try {
      const ask = isPostCopy(binding) && (await this.hasLost(dom, signal)) ? 'lost' : 'abort'
      const { phase } = await askPeer(this.#deps.peers, binding, ask, {}, signal, ASK_MS)
      if (phase === 'Committed' || phase === 'Cleaned') return 'Committed'
      return phase === 'Failed' ? 'Failed' : 'Undecided'
    } catch (error) {
      if (signal.aborted) throw error
      this.#deps.log.info({ uid: binding.metadata.name, err: error }, `migration: ${messageOf(error)}`)
      return 'Undecided'
    }
  }

  /** The guest is here and goes on if it was handed over. Words are kept when there are none to say. One that is split is no guest any more. */
  async keep(binding: MoveBinding, dom: DomainRef, why: Words, signal: AbortSignal): Promise<void> {
    const { libvirt, records, clock } = this.#deps
    const record = recordOf(binding)
    if (isSplit(binding, (await lookAt(libvirt, dom, signal)).domain, record?.phase === 'Finishing')) {
      await this.startAnew(binding, dom, SPLIT, signal)
      return await this.#tellTarget(binding, signal)
    }
    if (record?.phase !== 'Failed' && isPostCopy(binding) && !(await this.jobEnds(dom, signal))) {
      await this.startAnew(binding, dom, KEPT_JOB, signal)
      return await this.#tellTarget(binding, signal)
    }
    const uid = binding.metadata.name
    const more = why.reason === '' ? {} : { reason: why.reason, message: why.message }
    if (record?.phase !== 'Failed')
      await records.write(uid, binding.spec.migration.id, 'Failed', {
        ...more,
        endTime: new Date(clock.now()).toISOString(),
      })
    const { domain } = await lookAt(libvirt, dom, signal)
    const { phase = null, reason = null } = record ?? {}
    const isOurs = isHeldBack({ phase, reason, domain, spec: binding.spec.migration })
    if (domain === 'handed' || isOurs) await resume(libvirt, dom, signal)
    await this.#tellTarget(binding, signal)
  }

  /** QEMU lets the guest go on here although the target was asked to take it. A libvirt that refuses to stop it does not keep the target from being asked. */
  async holdBack({ metadata: { name: uid } }: MoveBinding, dom: DomainRef, signal: AbortSignal): Promise<void> {
    const { libvirt, log } = this.#deps
    log.warn(
      { uid },
      'migration: post-copy broke, and QEMU lets the guest go on here: it is stopped until the target answers',
    )
    await suspend(libvirt, dom, signal).catch((error: unknown) => {
      if (signal.aborted) throw error
      log.warn({ uid, err: error }, `migration: the guest is not stopped: ${messageOf(error)}`)
    })
  }

  /** What waits here cannot go on: it ends before it is decided that the machine is here. */
  async startAnew(binding: MoveBinding, dom: DomainRef, why: Words<GivenUp>, signal: AbortSignal): Promise<void> {
    const { libvirt, records, clock } = this.#deps
    await end(libvirt, dom, signal)
    const endTime = new Date(clock.now()).toISOString()
    await records.write(binding.metadata.name, binding.spec.migration.id, 'Failed', {
      reason: why.reason,
      message: why.message,
      endTime,
    })
  }

  /** The guest is at the target: what is left of it here goes. */
  async endHere(
    binding: MoveBinding,
    dom: DomainRef,
    phase: 'Committed' | 'Cleaned',
    signal: AbortSignal,
  ): Promise<void> {
    const { libvirt, records } = this.#deps
    const uid = binding.metadata.name
    const { id } = binding.spec.migration
    if (phase === 'Committed') {
      await records.write(uid, id, 'Committed')
      await erase(libvirt, dom, signal)
    }
    await records.write(uid, id, 'Cleaned', { endTime: new Date(this.#deps.clock.now()).toISOString() })
  }

  /** Whether libvirt lets the machine go again: until then nothing could be changed about it, and it could not be moved. */
  async jobEnds(dom: DomainRef, signal: AbortSignal): Promise<boolean> {
    const { libvirt, clock } = this.#deps
    for (const until = clock.monotonic() + STUCK_MS; ; await clock.sleep(ABORT_MS, signal)) {
      if ((await outgoingJob(libvirt, dom, signal)) === null) return true
      if (clock.monotonic() >= until) return false
      await abortJob(libvirt, dom, signal)
    }
  }

  abortJob(dom: DomainRef, signal: AbortSignal): Promise<void> {
    return abortJob(this.#deps.libvirt, dom, signal)
  }

  /**
   * What post-copy has not sent is lost with the QEMU here, or with its connection. libvirt calls it broken also when only the agent that
   * began it has ended, and QEMU sends on.
   */
  async hasLost(dom: DomainRef, signal: AbortSignal): Promise<boolean> {
    const { libvirt, clock } = this.#deps
    const { domain, reason } = await lookAt(libvirt, dom, signal)
    if (domain === 'absent' || domain === 'off') return true
    if (domain !== 'split' || reason !== PAUSED_POST_COPY_FAILED) return false
    const sent = await sentBytes(libvirt, dom, signal)
    await clock.sleep(STALLED_MS, signal)
    return (await sentBytes(libvirt, dom, signal)) === sent
  }

  /** What was prepared there is of no use any more; the scheduler says so as well, so that a silent target is no fault. */
  async #tellTarget(binding: MoveBinding, signal: AbortSignal): Promise<void> {
    await askPeer(this.#deps.peers, binding, 'abort', {}, signal, ASK_MS).catch((error: unknown) => {
      if (signal.aborted) throw error
    })
  }
}
