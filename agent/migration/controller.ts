// One pass over a machine that moves: look, plan, do one step. Long work goes on beside it and wakes the next pass.
import type { Clock } from '../../lib/clock.ts'
import { messageOf } from '../../lib/errors.ts'
import type { LibvirtPool } from '../../lib/libvirt/index.ts'
import { fromKey } from '../../lib/object.ts'
import { again, DONE, type Outcome, type Pass, type Reconciler } from '../../lib/reconcile/types.ts'
import { type DomainRef, domainRef } from '../controllers/virtualmachine/observe.ts'
import type { Log } from '../log.ts'
import { asTarget, lookAt, outgoingJob } from './domain.ts'
import { type MoveBinding, nameOf, type Records, recordOf } from './records.ts'
import type { SourceMoves } from './source.ts'
import { planSource, type SourceSeen } from './source-plan.ts'
import { StuckJobs } from './stuck-jobs.ts'
import type { TargetMoves } from './target.ts'
import { planTarget } from './target-plan.ts'

export interface MigrationLimits {
  /** Transfers that leave at a time. */
  readonly maxOutgoing: number
  /** Transfers that come at a time. */
  readonly maxIncoming: number
}

export interface MigrationDeps {
  readonly libvirt: Pick<LibvirtPool, 'call'>
  readonly records: Records
  readonly source: SourceMoves
  readonly target: TargetMoves
  readonly limits: MigrationLimits
  readonly clock: Clock
  readonly log: Log
  /** Asks for a pass. */
  readonly wake: (uid: string) => void
  /** Ends what goes on beside the passes. */
  readonly stopping: AbortSignal
}

/** A job that was told to end has not yet. */
const ABORT_MS = 500
const SETTLE_MS = 1_000
/** The source's transfer asks for more of the same. */
const BUSY_MS = 5_000
/** Machines that are prepared beside those that come. */
const PREPARED_MORE = 1

export class MigrationReconciler implements Reconciler {
  readonly #deps: MigrationDeps
  /** By uid: what the target of that migration has answered. */
  readonly #answers = new Map<string, { readonly id: string; readonly answer: NonNullable<SourceSeen['target']> }>()
  readonly #jobs: StuckJobs

  constructor(deps: MigrationDeps) {
    this.#deps = deps
    this.#jobs = new StuckJobs(deps.clock)
  }

  async reconcile(key: string, signal: AbortSignal, pass: Pass): Promise<Outcome> {
    const uid = fromKey(key).name
    pass.looking()
    const binding = this.#deps.records.get(uid)
    if (binding === null || binding.spec.role === 'Released') {
      this.#answers.delete(uid)
      this.#jobs.forget(uid)
      await this.#deps.target.clear(uid)
      return DONE
    }
    const dom = domainRef(nameOf(binding), uid)
    const step = binding.spec.migration.side === 'Source' ? this.#source : this.#target
    return await step.call(this, binding, dom, signal)
  }

  async #source(binding: MoveBinding, dom: DomainRef, signal: AbortSignal): Promise<Outcome> {
    const { libvirt, source, stopping, wake } = this.#deps
    const uid = binding.metadata.name
    const { id } = binding.spec.migration
    if (source.isBusy(uid)) return DONE
    const phase = recordOf(binding)?.phase ?? null
    // A job ends, and begins no more by itself: which of them is seen first makes no difference.
    const [{ domain }, job] = await Promise.all([lookAt(libvirt, dom, signal), outgoingJob(libvirt, dom, signal)])
    const known = this.#answers.get(uid)
    const step = planSource({
      spec: binding.spec.migration,
      phase,
      busy: false,
      domain,
      job: job !== null,
      stuck: this.#jobs.isStuck(uid, id),
      target: known?.id === id ? known.answer : null,
      reason: recordOf(binding)?.reason ?? null,
      full: source.count < this.#deps.limits.maxOutgoing ? null : 'another machine is leaving this host',
    })
    switch (step.do) {
      case 'nothing':
        return DONE
      case 'wait':
        // An answer that is no decision is asked for anew.
        this.#answers.delete(uid)
        await this.#say(binding, step.why)
        return again(step.afterMs, step.why)
      case 'transfer':
        source.begin(binding, dom, stopping, () => wake(uid))
        return DONE
      case 'abort-job':
        this.#jobs.told(uid, id)
        await source.ends.abortJob(dom, signal)
        return again(ABORT_MS, 'the transfer of an earlier agent is being ended')
      case 'ask-target':
        if (step.holdBack) await source.ends.holdBack(binding, dom, signal)
        this.#answers.set(uid, { id, answer: await source.ends.askTarget(binding, dom, signal) })
        return again(0, 'the target has answered')
      case 'keep':
        await source.ends.keep(binding, dom, step, signal)
        return DONE
      case 'start-anew':
        await source.ends.startAnew(binding, dom, step, signal)
        return DONE
      case 'end-here':
        await source.ends.endHere(binding, dom, step.phase, signal)
        return DONE
    }
  }

  async #target(binding: MoveBinding, dom: DomainRef, signal: AbortSignal): Promise<Outcome> {
    const { libvirt, target, limits, stopping, records, wake, log } = this.#deps
    const uid = binding.metadata.name
    target.heed(binding)
    if (target.isBusy(uid)) return again(BUSY_MS, 'the source and this host are at work on it')
    const record = recordOf(binding)
    const { domain } = await lookAt(libvirt, dom, signal)
    const preparedHere = records.all().filter((other) => other.metadata.name !== uid && isPrepared(other)).length
    const step = planTarget({
      spec: binding.spec.migration,
      phase: record?.phase ?? null,
      busy: false,
      incoming: target.isIncoming(uid),
      domain: asTarget(domain),
      leftBehind: records.leftBehind(uid).length > 0,
      settled: record?.endTime !== undefined && record.endTime !== null,
      full: preparedHere <= limits.maxIncoming - 1 + PREPARED_MORE ? null : 'other machines are coming to this host',
    })
    switch (step.do) {
      case 'nothing':
        return DONE
      case 'wait':
        await this.#say(binding, step.why)
        return again(step.afterMs, step.why)
      case 'prepare':
        // Images may be long on their way.
        void target
          .prepareFiles(uid, stopping)
          .catch((error: unknown) => log.warn({ uid, err: error }, `migration: ${messageOf(error)}`))
          .finally(() => wake(uid))
        return DONE
      case 'refuse':
        await target.refuse(binding, step.reason, step.message, signal)
        return DONE
      case 'settle':
        return (await target.settle(uid, signal)) === 'settled' ? DONE : again(SETTLE_MS, 'the last parts are coming')
    }
  }

  /** Why it waits, for people; a phase that was not begun has no record to say it in. */
  async #say(binding: MoveBinding, message: string): Promise<void> {
    const record = recordOf(binding)
    if (record === null || record.message === message) return
    await this.#deps.records.write(binding.metadata.name, binding.spec.migration.id, record.phase, { message })
  }
}

const isPrepared = (binding: MoveBinding): boolean => {
  const phase = recordOf(binding)?.phase
  return binding.spec.migration.side === 'Target' && ['Preparing', 'Prepared'].includes(phase ?? '')
}
