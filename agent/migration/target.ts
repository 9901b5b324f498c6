// The host that a machine goes to: it alone decides whether the machine has come.
//
// INVARIANTS
// - What was decided is on disk before it is acted on or told: Failed before the waiting QEMU's end, Committed before the guest runs.
// - Committed only after the source has asked to finish: before that libvirt may still give the guest back to the source.
// - With post-copy libvirt lets the guest run by itself when it is told to finish; so Committed is on disk before it is told.
// - One question of the source at a time; a question that comes while another is worked on waits for its answer.
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import { inTime } from '../../lib/in-time.ts'
import type { LibvirtPool } from '../../lib/libvirt/index.ts'
import type { HandoverAnswer, HandoverAsk } from '../../schemas/index.ts'
import { domainRef } from '../controllers/virtualmachine/observe.ts'
import type { Log } from '../log.ts'
import { erase, lookAt, resume } from './domain.ts'
import { type Incoming, IncomingGuests } from './incoming.ts'
import { Losses, Lost } from './losses.ts'
import { timesOf } from './progress.ts'
import { isDecided, type MoveBinding, nameOf, type Records, recordOf, WHILE_PAUSED } from './records.ts'
import { type Arrival, settle } from './settle.ts'
import { Turns } from './turns.ts'

/** The source has sent all of it. */
const ARRIVE = { ms: 50_000, late: 'the guest was not whole within 50 s' } as const
/** What the source does when it is told takes the processors from letting the guest run: it hears of it then, or after this time. */
const RUNS = { ms: 500, late: 'the guest does not run yet' } as const
const POST_COPY = { ms: 7 * 86_400_000, late: 'the guest was not whole within a week' } as const

export interface TargetFiles {
  /**
   * Makes all that the machine needs here. May be repeated. `willMake` is told the uids of its disks before one is made.
   * @throws Error in words
   */
  prepare(
    binding: MoveBinding,
    willMake: (disks: readonly string[]) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<void>
  /** Where a file of the source is here; null when it has no place. */
  locate(binding: MoveBinding, path: string): string | null
  /** Targets of disks whose content comes along, by the source's XML. */
  luggage(binding: MoveBinding, xml: string): readonly string[]
  /** Removes those disks that nobody else has. */
  discard(disks: readonly string[]): Promise<void>
}

export interface TargetDeps {
  readonly libvirt: Pick<LibvirtPool, 'call' | 'dedicated' | 'warm'>
  readonly records: Records
  readonly files: TargetFiles
  readonly clock: Clock
  readonly log: Log
  readonly tls: boolean
  /** Numeric address of this host that the source reaches. @throws Error in words */
  readonly address: () => string
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const fromBase64 = (text = ''): Uint8Array => Buffer.from(text, 'base64')

export class TargetMoves {
  readonly #deps: TargetDeps
  readonly #guests: IncomingGuests
  readonly #losses = new Losses()
  readonly #turns = new Turns()

  constructor(deps: TargetDeps) {
    this.#deps = deps
    const { files, ...rest } = deps
    this.#guests = new IncomingGuests({ ...rest, locate: files.locate, luggage: files.luggage })
  }

  /** QEMU waits for the guest. */
  isIncoming(uid: string): boolean {
    return this.#guests.has(uid)
  }

  isBusy(uid: string): boolean {
    return this.#turns.isBusy(uid)
  }

  /** Ends what waits; nothing of it ran. */
  async close(): Promise<void> {
    await this.#guests.close()
  }

  /** Files, and then the word that the source may begin. */
  prepareFiles(uid: string, signal: AbortSignal): Promise<void> {
    return this.#turns.run(uid, async () => {
      const { libvirt, records, files, address } = this.#deps
      const binding = records.get(uid)
      const phase = binding === null ? null : (recordOf(binding)?.phase ?? null)
      if (binding === null || (phase !== null && phase !== 'Preparing')) return
      const { id } = binding.spec.migration
      try {
        // An agent that ends before it has said so begins anew all the same.
        await Promise.all([
          records.write(uid, id, 'Preparing'),
          files.prepare(binding, (made) => records.write(uid, id, 'Preparing', { made }), signal),
        ])
        // The source comes as soon as it hears of that, and QEMU is started over a connection of its own.
        libvirt.warm()
        await records.write(uid, id, 'Prepared', { address: address() })
      } catch (error) {
        if (signal.aborted) throw error
        await this.#refuse(binding, 'TargetPreparingFailed', messageOf(error), signal)
      }
    })
  }

  /** What the source asks. */
  answer(uid: string, ask: HandoverAsk, signal: AbortSignal): Promise<HandoverAnswer> {
    if (ask.ask === 'state') return Promise.resolve(this.#state(uid, ask.id))
    // Its turn comes when the question before it, which may be waiting for what is lost, has ended.
    if (ask.ask === 'lost') this.#losses.tell(ask.id)
    const askedAt = this.#deps.clock.monotonic()
    return this.#turns.run(uid, async () => {
      const known = this.#state(uid, ask.id)
      const binding = this.#deps.records.get(uid)
      if (binding === null || binding.spec.migration.id !== ask.id) return known
      switch (ask.ask) {
        case 'prepare':
          return known.phase === 'Prepared' ? await this.#await(binding, ask, signal) : known
        case 'load':
          // Nothing is decided by it.
          if (known.phase === 'Prepared') void this.#guests.of(uid, ask.id)?.arrive(fromBase64(ask.cookie))
          return known
        case 'finish':
          return known.phase === 'Prepared' ? await this.#finish(binding, { ...ask, askedAt }, signal) : known
        case 'lost':
          if (isByPostCopy(binding)) await this.#settle(binding, { incoming: null, lost: true }, signal)
          // Nothing ran here, and nothing more comes.
          else await this.#giveUp(binding, 'the source has lost a part of the guest', signal)
          return this.#state(uid, ask.id)
        default:
          await this.#giveUp(binding, 'the source called it off', signal)
          return this.#state(uid, ask.id)
      }
    })
  }

  /** Failed, on disk; then the end of a QEMU in which nothing ever ran. */
  refuse(binding: MoveBinding, reason: string, message: string, signal: AbortSignal): Promise<void> {
    return this.#turns.run(binding.metadata.name, () => this.#refuse(binding, reason, message, signal))
  }

  /**
   * Of a move that is over for this host, such as one that came to nothing when the scheduler has taken the machine back: a QEMU that was being
   * started for it then would wait for nobody, and what was made is removed.
   */
  clear(uid: string): Promise<void> {
    return this.#turns.run(uid, async () => {
      await this.#guests.dismiss(uid)
      await this.#removeLeftBehind(uid)
    })
  }

  /** After Committed: the guest runs, and its definition names this host's files. */
  settle(uid: string, signal: AbortSignal): Promise<'settled' | 'wait'> {
    return this.#turns.run(uid, async () => {
      const binding = this.#deps.records.get(uid)
      return binding === null
        ? 'settled'
        : await this.#settle(binding, { incoming: null, lost: isGivenUp(binding) }, signal)
    })
  }

  /** The scheduler's word that the source sends nothing more: whoever waits for that waits no longer. */
  heed(binding: MoveBinding): void {
    if (isGivenUp(binding)) this.#losses.tell(binding.spec.migration.id)
  }

  #state(uid: string, id: string): HandoverAnswer {
    const binding = this.#deps.records.get(uid)
    // Not told of it: nothing can have come.
    if (binding === null || binding.spec.migration.id !== id)
      return { phase: 'Failed', reason: 'NotKnown', message: 'this host knows nothing of that migration' }
    const record = recordOf(binding)
    if (record === null) return { phase: 'Preparing' }
    const { phase, reason, message } = record
    const words = { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) }
    return { phase: isByPostCopy(binding) ? 'Finishing' : phase, ...words }
  }

  async #await(binding: MoveBinding, { cookie, xml = '' }: HandoverAsk, signal: AbortSignal): Promise<HandoverAnswer> {
    const uid = binding.metadata.name
    try {
      const listening = await this.#guests.await(binding, xml, fromBase64(cookie), signal)
      return { phase: 'Prepared', address: listening.address, cookie: toBase64(listening.cookie) }
    } catch (error) {
      if (signal.aborted) throw error
      await this.#refuseNow(binding, 'TargetPreparingFailed', messageOf(error), signal)
      return this.#state(uid, binding.spec.migration.id)
    }
  }

  async #finish(binding: MoveBinding, ask: FinishAsk, signal: AbortSignal): Promise<HandoverAnswer> {
    const { records, log, clock } = this.#deps
    const uid = binding.metadata.name
    const { id, options } = binding.spec.migration
    const incoming = this.#guests.of(uid, id)
    if (incoming === null) {
      await this.#refuseNow(binding, 'Interrupted', 'no QEMU waits for the guest any more', signal)
      return this.#state(uid, id)
    }
    const postCopy = options.postCopy === true
    if (postCopy) await records.write(uid, id, 'Committed')
    let ended: Uint8Array
    try {
      const arriving = incoming.arrive(fromBase64(ask.cookie))
      const whole = postCopy ? this.#losses.unlessLost(id, arriving) : arriving
      ended = await inTime(clock, whole, postCopy ? POST_COPY : ARRIVE, signal)
    } catch (error) {
      if (signal.aborted) throw error
      log.warn({ uid, err: error }, `migration: the guest did not come: ${messageOf(error)}`)
      if (postCopy) await this.#settle(binding, { incoming, lost: error instanceof Lost }, signal)
      else await this.#refuseNow(binding, 'TargetFailed', messageOf(error), signal)
      return this.#state(uid, id)
    }
    if (!postCopy) await records.write(uid, id, 'Committed', {}, WHILE_PAUSED)
    await this.#letRun(binding, incoming, ask, signal)
    return { ...this.#state(uid, id), phase: 'Committed', cookie: toBase64(ended) }
  }

  /** It is decided: the guest is let run, and the source is told, whatever becomes of what is left to do here. */
  async #letRun(binding: MoveBinding, incoming: Incoming, ask: FinishAsk, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps
    const uid = binding.metadata.name
    const warn = (error: unknown) => log.warn({ uid, err: error }, `migration: ${messageOf(error)}; it is tried again`)
    if (binding.spec.migration.options.postCopy === true)
      return void (await this.#settle(binding, { incoming }, signal).catch(warn))
    const resumed = resume(incoming.connection, incoming.dom, signal)
    const took = resumed.then(() => timesOf(ask, clock.monotonic() - ask.askedAt), warn)
    // Its turn is the next one: nobody else touches the guest before it runs.
    const settling = async () => this.#settle(binding, { incoming, times: (await took) ?? {} }, signal)
    void this.#turns.run(uid, settling).catch(warn)
    await inTime(clock, took, RUNS, signal).catch(() => undefined)
  }

  #settle(binding: MoveBinding, arrival: Arrival, signal: AbortSignal): Promise<'settled' | 'wait'> {
    const { files, ...rest } = this.#deps
    return settle({ ...rest, guests: this.#guests, locate: files.locate }, binding, arrival, signal)
  }

  /** For the source, unless it is decided. */
  async #giveUp(binding: MoveBinding, message: string, signal: AbortSignal): Promise<void> {
    if (!isDecided(recordOf(binding)?.phase)) await this.#refuseNow(binding, 'Aborted', message, signal)
  }

  /** As soon as Failed is on disk it is decided, and the source is told: what is left here is removed by a later pass if not now. */
  async #refuseNow(binding: MoveBinding, reason: string, message: string, signal: AbortSignal): Promise<void> {
    const { log } = this.#deps
    const uid = binding.metadata.name
    await this.#refuse(binding, reason, message, signal).catch((error: unknown) => {
      if (signal.aborted || this.#state(uid, binding.spec.migration.id).phase !== 'Failed') throw error
      log.warn({ uid, err: error }, `migration: not all is removed yet: ${messageOf(error)}`)
    })
  }

  async #refuse(binding: MoveBinding, reason: string, message: string, signal: AbortSignal): Promise<void> {
    const { libvirt, records, clock } = this.#deps
    const uid = binding.metadata.name
    const { id } = binding.spec.migration
    const words = reason === '' ? {} : { reason, message }
    await records.write(uid, id, 'Failed', { ...words, endTime: new Date(clock.now()).toISOString() })
    await this.#guests.end(uid)
    const dom = domainRef(nameOf(binding), uid)
    const { domain } = await lookAt(libvirt, dom, signal)
    if (domain !== 'absent') await erase(libvirt, dom, signal)
    await this.#removeLeftBehind(uid)
  }

  async #removeLeftBehind(uid: string): Promise<void> {
    const { records, files } = this.#deps
    const disks = records.leftBehind(uid)
    if (disks.length === 0) return
    await files.discard(disks)
    await records.removed(uid, disks)
  }
}

interface FinishAsk extends HandoverAsk {
  /** Monotonic ms. */
  readonly askedAt: number
}

/** With post-copy the source still has pages that are needed here: it may go when all have come. */
const isByPostCopy = (binding: MoveBinding): boolean => {
  const record = recordOf(binding)
  return record?.phase === 'Committed' && !record.endTime && binding.spec.migration.options.postCopy === true
}

/** It was decided that the machine stays here, whatever is still to come from the source. */
const isGivenUp = ({ spec: { migration } }: MoveBinding): boolean =>
  migration.options.postCopy === true && migration.resolution === 'KeepTarget'
