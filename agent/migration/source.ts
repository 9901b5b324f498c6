// The host that a machine leaves: one transfer from its beginning to its end. What becomes of the guest then is in source-ends.ts.
//
// INVARIANTS
// - Transferring is on disk before the target is asked for anything. libvirt's Begin changes nothing that outlives its connection.
// - Finishing is on disk before the target is asked to finish. Whoever finds Transferring knows that the machine is here.
// - Begin, Perform and Confirm go over one connection: libvirt's own record of the migration ends with it, and the guest stays paused.
import { nodeServerName } from '../../lib/cluster/identity.ts'
import { ApiError, messageOf } from '../../lib/errors.ts'
import { type Dedicated, isNoDomain, type LibvirtPool, Names } from '../../lib/libvirt/index.ts'
import type { DomainRef } from '../controllers/virtualmachine/observe.ts'
import { arrivalCookie } from './arrival-cookie.ts'
import { KEPT_JOB, SPLIT } from './broken.ts'
import { type MoveCalls, moveCalls } from './calls.ts'
import { lookAt } from './domain.ts'
import { PeerSilent } from './peers.ts'
import { type MoveBinding, WHILE_PAUSED } from './records.ts'
import { ASK_MS, askPeer, isPostCopy, isSplit, SourceEnds, type SourceEndsDeps } from './source-ends.ts'
import { watchUndecided } from './source-watch.ts'
import { type Sent, Stopped, watchTransfer } from './transfer.ts'

const CALL_MS = 60_000
const PREPARE_MS = 120_000
/** The target answers when it has decided; it loads the rest of the guest meanwhile. */
const FINISH_MS = 60_000
/** No limit of ours: the watch ends a transfer that takes too long. */
const PERFORM_MS = 7 * 86_400_000

export interface SourceDeps extends SourceEndsDeps {
  readonly libvirt: Pick<LibvirtPool, 'call' | 'dedicated' | 'events'>
  readonly tls: boolean
  /** Targets of disks of the running domain whose content goes along, and what it all comes to in bytes. */
  readonly luggage: (uid: string, dom: DomainRef, signal: AbortSignal) => Promise<Luggage>
  /** Bandwidth in MiB/s that the host allows one transfer; 0: any. */
  readonly bandwidthMiBps: number
}

export interface Luggage {
  readonly disks: readonly string[]
  readonly bytes: number
}

const NO_COOKIE = new Uint8Array()
const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const fromBase64 = (text: string | undefined): Uint8Array => Buffer.from(text ?? '', 'base64')

export class SourceMoves {
  /** How they end, also those of an agent that is gone. */
  readonly ends: SourceEnds
  readonly #deps: SourceDeps
  readonly #busy = new Map<string, Promise<void>>()

  constructor(deps: SourceDeps) {
    this.#deps = deps
    this.ends = new SourceEnds(deps)
  }

  isBusy(uid: string): boolean {
    return this.#busy.has(uid)
  }

  /** Transfers under way in this process. */
  get count(): number {
    return this.#busy.size
  }

  /** Begins in the background; what became of it is in the record, and `onEnd` is called. */
  begin(binding: MoveBinding, dom: DomainRef, signal: AbortSignal, onEnd: () => void): void {
    const uid = binding.metadata.name
    const work = this.#transfer(binding, dom, signal)
      .catch((error: unknown) => this.#deps.log.warn({ uid, err: error }, `migration: ${messageOf(error)}`))
      .finally(() => {
        this.#busy.delete(uid)
        onEnd()
      })
    this.#busy.set(uid, work)
  }

  async settled(): Promise<void> {
    await Promise.all(this.#busy.values())
  }

  async #transfer(binding: MoveBinding, dom: DomainRef, signal: AbortSignal): Promise<void> {
    const { libvirt, records, luggage } = this.#deps
    const uid = binding.metadata.name
    const { id } = binding.spec.migration
    const packing = luggage(uid, dom, signal)
    packing.catch(() => undefined)
    const noting = records.write(uid, id, 'Transferring', { progress: { percent: 3 } })
    noting.catch(() => undefined)
    const connection = await libvirt.dedicated({ signal, timeoutMs: CALL_MS }).catch(async (error: unknown) => {
      // Nothing is being written any more when the transfer is over.
      await Promise.allSettled([noting])
      throw error
    })
    try {
      const beginning = this.#begin(binding, dom, connection, packing, signal)
      beginning.catch(() => undefined)
      await noting
      const sent = await this.#send({ binding, dom, connection, beginning, signal })
      await this.#handOver(binding, dom, connection, sent, signal)
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
      await connection.close()
      await this.ends.keep(binding, dom, { reason: error.reason, message: error.message }, signal)
    } finally {
      await connection.close()
    }
  }

  async #begin(
    binding: MoveBinding,
    dom: DomainRef,
    connection: Dedicated,
    packing: Promise<Luggage>,
    signal: AbortSignal,
  ): Promise<Begun> {
    const { tls, clock } = this.#deps
    const begunAt = clock.monotonic()
    const { disks, bytes } = await packing
    const peerName = nodeServerName(binding.spec.migration.peer.node)
    const calls = moveCalls({ options: this.#options(binding), disks, tls, peerName })
    const { cookieOut, xml } = await connection.call(
      'DomainMigrateBegin3Params',
      { dom, params: calls.params(), flags: calls.source },
      { signal, timeoutMs: CALL_MS },
    )
    return { calls, disks, bytes, begunAt, cookie: cookieOut, xml }
  }

  /** All of the guest is at the target when this resolves. @throws Stopped when the guest stays: the target was not asked to finish */
  async #send({ binding, dom, connection, beginning, signal }: Sending): Promise<Handing> {
    try {
      const begun = await beginning
      const { calls, disks, bytes, begunAt } = begun
      const ready = await askPeer(
        this.#deps.peers,
        binding,
        'prepare',
        { cookie: toBase64(begun.cookie), xml: begun.xml },
        signal,
        PREPARE_MS,
      )
      if (ready.address === undefined)
        throw new Stopped(ready.reason ?? 'TargetFailed', ready.message ?? 'the target does not take the machine now')
      const params = calls.params({ [Names.MIGRATE_PARAM_URI]: ready.address })
      const performing = connection.call(
        'DomainMigratePerform3Params',
        { dom, dconnuri: null, params, cookieIn: fromBase64(ready.cookie), flags: calls.source },
        { signal, timeoutMs: PERFORM_MS },
      )
      let isLoading = isPostCopy(binding)
      const load = (cookie: Uint8Array | null) => {
        if (isLoading || cookie === null) return
        isLoading = true
        void this.#load(binding, cookie, signal)
      }
      const onLast = () => load(disks.length > 0 ? arrivalCookie(begun.cookie) : NO_COOKIE)
      const sent = await watchTransfer(this.#deps, { binding, dom, performing, bytes, disks, onLast, signal })
      load(sent.cookie)
      return { calls, begunAt, ...sent }
    } catch (error) {
      if (signal.aborted || error instanceof Stopped) throw error
      const reason = error instanceof PeerSilent || error instanceof ApiError ? 'TargetFailed' : 'Failed'
      throw new Stopped(reason, messageOf(error), { cause: error })
    }
  }

  async #handOver(
    binding: MoveBinding,
    dom: DomainRef,
    connection: Dedicated,
    { calls, cookie, begunAt, stoppedAt, noted }: Handing,
    signal: AbortSignal,
  ): Promise<void> {
    const { libvirt, records, clock, log } = this.#deps
    const uid = binding.metadata.name
    const { id } = binding.spec.migration
    if (!noted) await records.write(uid, id, 'Finishing', {}, WHILE_PAUSED)
    // With post-copy the target answers when the last page has come.
    const finishMs = isPostCopy(binding) ? PERFORM_MS : FINISH_MS
    const over = new AbortController()
    const until = AbortSignal.any([signal, over.signal])
    const now = clock.monotonic()
    const times = { sinceMs: now - begunAt, ...(stoppedAt === null ? {} : { pausedMs: now - stoppedAt }) }
    const question = { cookie: toBase64(cookie), ...times }
    if (isPostCopy(binding)) void watchUndecided(this.#deps, this.ends, { binding, dom, until })
    const asking = askPeer(this.#deps.peers, binding, 'finish', question, signal, finishMs).finally(() => over.abort())
    const answer = await asking.catch((error: unknown) => {
      if (signal.aborted) throw error
      log.warn({ uid, err: error }, `migration: the target did not say whether it has the machine: ${messageOf(error)}`)
      return null
    })
    const confirm = (cancelled: 0 | 1, cookieIn: Uint8Array) =>
      connection
        .call(
          'DomainMigrateConfirm3Params',
          { dom, params: calls.params(), cookieIn, flags: calls.source, cancelled },
          { signal, timeoutMs: CALL_MS },
        )
        .catch((error: unknown) => {
          // What is left to do is found by looking.
          if (!isNoDomain(error))
            log.warn({ uid, err: error }, `migration: libvirt did not close it: ${messageOf(error)}`)
        })
    if (answer?.phase === 'Committed' || answer?.phase === 'Cleaned') {
      // What takes long goes first.
      await Promise.all([confirm(0, fromBase64(answer.cookie)), records.write(uid, id, 'Committed', {}, WHILE_PAUSED)])
      // A domain that is still here is ended by the next pass.
      const { domain } = await lookAt(libvirt, dom, signal)
      if (domain === 'absent') await this.ends.endHere(binding, dom, 'Cleaned', signal)
      return
    }
    if (answer?.phase !== 'Failed') return
    if (isSplit(binding, (await lookAt(libvirt, dom, signal)).domain, true))
      return await this.ends.startAnew(binding, dom, SPLIT, signal)
    if (isPostCopy(binding)) {
      await confirm(1, NO_COOKIE)
      if (!(await this.ends.jobEnds(dom, signal))) return await this.ends.startAnew(binding, dom, KEPT_JOB, signal)
    }
    await records.write(uid, id, 'Failed', {
      reason: answer.reason ?? 'TargetFailed',
      message: answer.message ?? 'the target could not take the machine',
      endTime: new Date(clock.now()).toISOString(),
    })
    if (!isPostCopy(binding)) await confirm(1, NO_COOKIE)
  }

  /** Only to have the target ready sooner: it decides nothing by it, and does without. */
  async #load(binding: MoveBinding, cookie: Uint8Array, signal: AbortSignal): Promise<void> {
    await askPeer(this.#deps.peers, binding, 'load', { cookie: toBase64(cookie) }, signal, ASK_MS).catch(
      (error: unknown) =>
        this.#deps.log.debug({ uid: binding.metadata.name, err: error }, `migration: ${messageOf(error)}`),
    )
  }

  /** The lower of the two caps; 0 is none. */
  #options(binding: MoveBinding): MoveBinding['spec']['migration']['options'] {
    const { options } = binding.spec.migration
    const caps = [options.bandwidthMiBps ?? 640, this.#deps.bandwidthMiBps].filter((cap) => cap > 0)
    return { ...options, bandwidthMiBps: caps.length === 0 ? 0 : Math.min(...caps) }
  }
}

interface Sending {
  readonly binding: MoveBinding
  readonly dom: DomainRef
  readonly connection: Dedicated
  readonly beginning: Promise<Begun>
  readonly signal: AbortSignal
}

/** libvirt's Begin, and what it was asked with. */
interface Begun extends Luggage {
  readonly calls: MoveCalls
  /** Monotonic ms. */
  readonly begunAt: number
  readonly cookie: Uint8Array
  readonly xml: string
}

/** All of the guest is at the target. */
interface Handing extends Sent {
  readonly calls: MoveCalls
  /** Monotonic ms. */
  readonly begunAt: number
}
