// The host that a machine goes to: it alone decides whether the machine has come.
//
// INVARIANTS
// - What was decided is on disk before it is acted on or told: Failed before the waiting QEMU's end, Committed before the guest runs.
// - With post-copy libvirt lets the guest run by itself when it is told to finish; so Committed is on disk before it is told.
// - One question of the source at a time; a question that comes while another is worked on waits for its answer.
// - Prepare and Finish go over one connection: when this process ends, libvirt ends the QEMU that waits.
import type { Clock } from '../../lib/clock.ts'
import { destinationXml } from '../../lib/domain/index.ts'
import { messageOf } from '../../lib/errors.ts'
import { type Dedicated, type LibvirtPool, Names } from '../../lib/libvirt/index.ts'
import type { HandoverAnswer, HandoverAsk, MigrationPhase } from '../../schemas/index.ts'
import { type DomainRef, domainRef } from '../controllers/virtualmachine/observe.ts'
import type { Log } from '../log.ts'
import { Mutex } from '../storage/mutex.ts'
import { type MoveCalls, moveCalls } from './calls.ts'
import { erase, finishedJob, lookAt, resume } from './domain.ts'
import { Losses, Lost } from './losses.ts'
import { timesOf } from './progress.ts'
import { type MoveBinding, type Records, recordOf } from './records.ts'

const PREPARE_MS = 100_000
const FINISH_MS = 50_000
const POST_COPY_MS = 7 * 86_400_000
const DEFINE_MS = 30_000
/** virDomainRunningReason: post-copy under way, broken; virDomainPausedReason: broken. */
const RUNS_BY_POST_COPY = 10
const POST_COPY_BROKEN = { running: 11, paused: 13 } as const

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
  readonly libvirt: Pick<LibvirtPool, 'call' | 'dedicated'>
  readonly records: Records
  readonly files: TargetFiles
  readonly clock: Clock
  readonly log: Log
  readonly tls: boolean
  /** Numeric address of this host that the source reaches. @throws Error in words */
  readonly address: () => string
}

interface Incoming {
  readonly id: string
  readonly dom: DomainRef
  readonly connection: Dedicated
  readonly calls: MoveCalls
  /** The definition with this host's files. */
  readonly xml: string
}

const NO_COOKIE = new Uint8Array()
const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
const fromBase64 = (text: string | undefined): Uint8Array => Buffer.from(text ?? '', 'base64')

export class TargetMoves {
  readonly #deps: TargetDeps
  readonly #incoming = new Map<string, Incoming>()
  readonly #losses = new Losses()
  readonly #turns = new Map<string, { readonly mutex: Mutex; waiting: number }>()

  constructor(deps: TargetDeps) {
    this.#deps = deps
  }

  /** QEMU waits for the guest. */
  isIncoming(uid: string): boolean {
    return this.#incoming.has(uid)
  }

  isBusy(uid: string): boolean {
    return (this.#turns.get(uid)?.waiting ?? 0) > 0
  }

  /** Guests that are awaited. */
  get count(): number {
    return this.#incoming.size
  }

  /** Ends what waits; nothing of it ran. */
  async close(): Promise<void> {
    await Promise.all([...this.#incoming.values()].map(({ connection }) => connection.close()))
  }

  /** Files, and then the word that the source may begin. */
  prepareFiles(uid: string, signal: AbortSignal): Promise<void> {
    return this.#inTurn(uid, async () => {
      const { records, files, address } = this.#deps
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
    return this.#inTurn(uid, async () => {
      const known = this.#state(uid, ask.id)
      const binding = this.#deps.records.get(uid)
      if (binding === null || binding.spec.migration.id !== ask.id) return known
      if (ask.ask === 'prepare') return known.phase === 'Prepared' ? await this.#await(binding, ask, signal) : known
      if (ask.ask === 'finish') return known.phase === 'Prepared' ? await this.#finish(binding, ask, signal) : known
      if (ask.ask === 'lost') {
        if (isOpen(binding)) await this.#settle(binding, null, signal, { lost: true })
        return this.#state(uid, ask.id)
      }
      if (isOver(recordOf(binding)?.phase)) return known
      await this.#refuseNow(binding, 'Aborted', 'the source called it off', signal)
      return this.#state(uid, ask.id)
    })
  }

  /** Failed, on disk; then the end of a QEMU in which nothing ever ran. */
  refuse(binding: MoveBinding, reason: string, message: string, signal: AbortSignal): Promise<void> {
    return this.#inTurn(binding.metadata.name, () => this.#refuse(binding, reason, message, signal))
  }

  /** Of a move that came to nothing, when the scheduler has taken the machine back. */
  removeLeftBehind(uid: string): Promise<void> {
    return this.#inTurn(uid, () => this.#removeLeftBehind(uid))
  }

  /** After Committed: the guest runs, and its definition names this host's files. */
  settle(uid: string, signal: AbortSignal): Promise<'settled' | 'wait'> {
    return this.#inTurn(uid, async () => {
      const binding = this.#deps.records.get(uid)
      return binding === null ? 'settled' : await this.#settle(binding, null, signal)
    })
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
    return { phase: isOpen(binding) ? 'Finishing' : phase, ...words }
  }

  async #await(binding: MoveBinding, { cookie, xml = '' }: HandoverAsk, signal: AbortSignal): Promise<HandoverAnswer> {
    const { libvirt, files, tls, address } = this.#deps
    const uid = binding.metadata.name
    const { id, options, epoch } = binding.spec.migration
    await this.#end(uid)
    let opened: Dedicated | null = null
    try {
      const connection = await libvirt.dedicated({ signal })
      opened = connection
      const here = destinationXml(xml, { locate: (path) => files.locate(binding, path), epoch })
      const calls = moveCalls({ options, disks: files.luggage(binding, xml), tls })
      const at = address()
      const params = calls.params({
        [Names.MIGRATE_PARAM_DEST_XML]: here,
        [Names.MIGRATE_PARAM_URI]: `tcp:${bracketed(at)}`,
        [Names.MIGRATE_PARAM_LISTEN_ADDRESS]: at,
      })
      const prepared = await connection.call(
        'DomainMigratePrepare3Params',
        { params, cookieIn: fromBase64(cookie), flags: calls.target },
        { signal, timeoutMs: PREPARE_MS },
      )
      const dom = domainRef(nameIn(here), uid)
      this.#incoming.set(uid, { id, dom, connection, calls, xml: here })
      void connection.ended.then(() => {
        if (this.#incoming.get(uid)?.connection === connection) this.#incoming.delete(uid)
      })
      return { phase: 'Prepared', address: prepared.uriOut ?? '', cookie: toBase64(prepared.cookieOut) }
    } catch (error) {
      await opened?.close()
      if (signal.aborted) throw error
      await this.#refuseNow(binding, 'TargetPreparingFailed', messageOf(error), signal)
      return this.#state(uid, id)
    }
  }

  async #finish(binding: MoveBinding, { cookie }: HandoverAsk, signal: AbortSignal): Promise<HandoverAnswer> {
    const { records, log, clock } = this.#deps
    const uid = binding.metadata.name
    const { id, options } = binding.spec.migration
    const incoming = this.#incoming.get(uid)
    if (incoming?.id !== id) {
      await this.#refuseNow(binding, 'Interrupted', 'no QEMU waits for the guest any more', signal)
      return this.#state(uid, id)
    }
    const postCopy = options.postCopy === true
    if (postCopy) await records.write(uid, id, 'Committed')
    const { connection, calls } = incoming
    let ended: Uint8Array
    try {
      const params = calls.params({ [Names.MIGRATE_PARAM_DEST_NAME]: incoming.dom.name })
      const finishing = connection.call(
        'DomainMigrateFinish3Params',
        { params, cookieIn: fromBase64(cookie), flags: calls.target, cancelled: 0 },
        { signal, timeoutMs: postCopy ? POST_COPY_MS : FINISH_MS },
      )
      // Nothing is decided by it: a waiting guest that nobody waits for any more is refused, whether this was on disk or not.
      const answer = postCopy ? this.#losses.unlessLost(id, finishing) : finishing
      const [{ cookieOut }] = await Promise.all([answer, postCopy ? null : records.write(uid, id, 'Finishing')])
      ended = cookieOut
    } catch (error) {
      if (signal.aborted) throw error
      log.warn({ uid, err: error }, `migration: the guest did not come: ${messageOf(error)}`)
      if (postCopy) await this.#settle(binding, incoming, signal, { lost: error instanceof Lost })
      else await this.#refuseNow(binding, 'TargetFailed', messageOf(error), signal)
      return this.#state(uid, id)
    }
    const finishedAt = clock.monotonic()
    if (!postCopy) await records.write(uid, id, 'Committed')
    const warn = (error: unknown) => log.warn({ uid, err: error }, `migration: ${messageOf(error)}; it is tried again`)
    // It is decided: the guest runs, and the source is told, whatever becomes of what is left to do.
    if (postCopy) await this.#settle(binding, incoming, signal).catch(warn)
    else {
      const longerMs = await resume(connection, incoming.dom, signal).then(() => clock.monotonic() - finishedAt, warn)
      void this.#inTurn(uid, () => this.#settle(binding, incoming, signal, { longerMs: longerMs ?? 0 })).catch(warn)
    }
    return { ...this.#state(uid, id), phase: 'Committed', cookie: toBase64(ended) }
  }

  /**
   * `longerMs`: how much longer the guest was paused than libvirt knows, whose own figure ends when it has the whole guest.
   * `lost`: the source has said that nothing more comes by post-copy.
   */
  async #settle(
    binding: MoveBinding,
    incoming: Incoming | null,
    signal: AbortSignal,
    { longerMs = 0, lost = false }: { readonly longerMs?: number; readonly lost?: boolean } = {},
  ): Promise<'settled' | 'wait'> {
    const { libvirt, records, clock, log } = this.#deps
    const uid = binding.metadata.name
    const { id } = binding.spec.migration
    const dom = incoming?.dom ?? domainRef(nameOf(binding), uid)
    const seen = await lookAt(libvirt, dom, signal)
    const end = { endTime: new Date(clock.now()).toISOString() }
    const byPostCopy = seen.domain === 'running' && seen.reason === RUNS_BY_POST_COPY
    if (byPostCopy && incoming === null && !lost) return 'wait'
    const broken =
      (lost && (byPostCopy || seen.domain === 'absent' || seen.domain === 'off')) ||
      (seen.domain === 'running' && seen.reason === POST_COPY_BROKEN.running) ||
      (seen.domain === 'handed' && seen.reason === POST_COPY_BROKEN.paused)
    if (broken) {
      await erase(libvirt, dom, signal)
      this.#incoming.delete(uid)
      void incoming?.connection.close()
      const message =
        'the connection broke while parts of the guest were on both hosts: it is started anew by its run policy'
      await records.write(uid, id, 'Committed', { reason: 'PostCopyFailed', message, ...end })
      return 'settled'
    }
    const paused = seen.domain === 'paused' || seen.domain === 'handed'
    if (paused) await resume(libvirt, dom, signal)
    const stats = await finishedJob(libvirt, dom, signal)
    if (seen.domain !== 'absent')
      await this.#define(binding, dom, incoming, signal).catch((error: unknown) =>
        log.warn({ uid, err: error }, `migration: the definition names files of the other host: ${messageOf(error)}`),
      )
    const known = recordOf(this.#deps.records.get(uid) ?? binding)?.progress ?? {}
    const progress = { ...known, percent: 100, ...(stats === null ? {} : timesOf(stats, longerMs)) }
    await records.write(uid, id, 'Committed', { ...end, progress })
    this.#incoming.delete(uid)
    void incoming?.connection.close()
    return 'settled'
  }

  /** libvirt's own copy of the definition came with the cookie and names the source's files. */
  async #define(binding: MoveBinding, dom: DomainRef, incoming: Incoming | null, signal: AbortSignal): Promise<void> {
    const { libvirt, files } = this.#deps
    const { epoch } = binding.spec.migration
    const own = incoming?.xml
    const { xml } =
      own === undefined ? await libvirt.call('DomainGetXMLDesc', { dom, flags: 3 }, { signal }) : { xml: own }
    const here = own ?? destinationXml(xml, { locate: (path) => files.locate(binding, path), epoch })
    await libvirt.call('DomainDefineXMLFlags', { xml: here, flags: 0 }, { signal, timeoutMs: DEFINE_MS })
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
    await this.#end(uid)
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

  /** Ends the QEMU that waits, politely; closing the connection would do it too. */
  async #end(uid: string): Promise<void> {
    const incoming = this.#incoming.get(uid)
    if (incoming === undefined) return
    this.#incoming.delete(uid)
    const { connection, calls, dom } = incoming
    const params = calls.params({ [Names.MIGRATE_PARAM_DEST_NAME]: dom.name })
    await connection
      .call('DomainMigrateFinish3Params', { params, cookieIn: NO_COOKIE, flags: calls.target, cancelled: 1 })
      // "Successfully aborted" is an error to libvirt.
      .catch((error: unknown) => this.#deps.log.debug({ uid, err: error }, `migration: ${messageOf(error)}`))
    await connection.close()
  }

  async #inTurn<T>(uid: string, work: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(uid) ?? { mutex: new Mutex(), waiting: 0 }
    this.#turns.set(uid, turn)
    turn.waiting++
    try {
      return await turn.mutex.run(work)
    } finally {
      turn.waiting--
      if (turn.waiting === 0) this.#turns.delete(uid)
    }
  }
}

/** With post-copy the source still has pages that are needed here: it may go when all have come. */
const isOpen = (binding: MoveBinding): boolean => {
  const record = recordOf(binding)
  return record?.phase === 'Committed' && !record.endTime && binding.spec.migration.options.postCopy === true
}

const isOver = (phase: MigrationPhase | undefined): boolean =>
  phase === 'Committed' || phase === 'Cleaned' || phase === 'Failed'

const nameOf = ({ spec: { subject } }: MoveBinding): string => `${subject.namespace}.${subject.name}`

const nameIn = (xml: string): string => /<name>([^<]*)<\/name>/.exec(xml)?.[1] ?? ''

const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address)
