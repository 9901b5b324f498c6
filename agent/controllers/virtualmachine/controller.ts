// The VirtualMachine controller: look, store what is seen and what will be done, do it, look again.
import { messageOf } from '../../../lib/errors.ts'
import { fromKey } from '../../../lib/object.ts'
import { again, DONE, type Outcome, type Pass, type Reconciler } from '../../../lib/reconcile/types.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { AGENT_EVENTS } from '../../events.ts'
import { VM_ENDS } from '../../metrics/catalogue.ts'
import { VM_CLEANUP, VMS } from '../../names.ts'
import { type Assessment, assess, type Look } from './assess.ts'
import type { VirtualMachineDeps } from './deps.ts'
import { Doing } from './doing.ts'
import { lookAt } from './look.ts'
import { isMoving } from './moving.ts'
import { endOf } from './power-words.ts'
import { berthOf } from './status.ts'
import { Tries } from './tries.ts'

/** A pass that has not come to rest after so many looks starts anew from the queue. */
const MAX_ROUNDS = 12

export class VirtualMachineReconciler implements Reconciler {
  readonly #deps: VirtualMachineDeps
  readonly #tries = new Tries()
  readonly #doing: Doing

  constructor(deps: VirtualMachineDeps) {
    this.#deps = deps
    this.#doing = new Doing(deps, this.#tries)
  }

  async reconcile(key: string, signal: AbortSignal, pass: Pass): Promise<Outcome> {
    let failure: unknown = null
    for (let round = 0; round < MAX_ROUNDS; round++) {
      pass.looking()
      const vm = this.#deps.reader.get<VirtualMachine>(VMS, fromKey(key))
      if (vm === null) return DONE
      const { carried } = berthOf(vm.status)
      if (carried !== undefined) this.#deps.network.carry(this.#deps.network.macOf(vm.metadata.uid), carried)
      if (await isMoving(vm, this.#deps)) return DONE
      const { look, assessment } = await this.#assess(vm, failure, signal)
      if (assessment === null) return DONE
      if (failure !== null) throw failure
      if (assessment.steps.length === 0)
        return assessment.waits === null ? DONE : again(assessment.waits.afterMs, assessment.waits.why)
      pass.log.debug({ uid: vm.metadata.uid, round, steps: assessment.steps.map((step) => step.do) }, 'steps to do')
      try {
        const outcome = await this.#run(vm, assessment, look, signal)
        if (outcome !== null) return outcome
      } catch (error) {
        if (signal.aborted) throw error
        failure = error
        pass.log.warn({ uid: vm.metadata.uid, err: error }, `a step failed: ${messageOf(error)}`)
        this.#deps.events.record(vm, AGENT_EVENTS.text('FailedStep', messageOf(error)))
      }
    }
    return again(100, 'the virtual machine keeps changing')
  }

  /** Looks and stores the status. A null assessment: the object is gone. */
  async #assess(
    vm: VirtualMachine,
    failure: unknown,
    signal: AbortSignal,
  ): Promise<{ look: Look; assessment: Assessment | null }> {
    const deps = this.#deps
    const { uid } = vm.metadata
    const look = await lookAt(vm, failure, deps, this.#tries, signal)
    let assessment: Assessment | null = null
    const target = { namespace: vm.metadata.namespace ?? '', name: vm.metadata.name, uid }
    // The finalizer is there before anything is made that would have to be cleaned up.
    const written = await deps.resources.modifyStatus<VirtualMachine>(
      VMS,
      target,
      (status, object) => {
        assessment = assess(object, status, look, deps)
        return assessment.status
      },
      { finalizer: VM_CLEANUP },
    )
    this.#tries.keepOnly(uid, openOf(assessment))
    this.#tellEnd(vm, written === null ? null : assessment)
    return { look, assessment: written === null ? null : assessment }
  }

  /** Runs the steps; an outcome ends the pass, null asks for another look. */
  async #run(vm: VirtualMachine, assessment: Assessment, look: Look, signal: AbortSignal): Promise<Outcome | null> {
    for (const step of assessment.steps) {
      signal.throwIfAborted()
      if (step.do === 'wait') return again(step.afterMs, step.why)
      await this.#doing.run(vm, step, assessment, look, signal)
      if (step.do === 'clean-up') return DONE
    }
    return null
  }

  #tellEnd(vm: VirtualMachine, assessment: Assessment | null): void {
    if (!assessment?.ended) return
    const { cause } = assessment.ended
    if (cause !== 'never-started') this.#deps.counts.inc(VM_ENDS, { cause })
    const text = endOf(assessment.ended)
    if (text !== null) this.#deps.events.record(vm, text)
  }
}

const openOf = (assessment: Assessment | null): ReadonlySet<string> => assessment?.open ?? new Set()
