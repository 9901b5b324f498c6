// HostBinding: makes of a scheduler's word what it says. Every step is found anew by looking, so a kill between any two costs nothing.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { isTrue, removeCondition } from '../../../lib/conditions.ts'
import type { EventRecorder } from '../../../lib/controllers/event-recorder.ts'
import { ApiError, isApiError, messageOf } from '../../../lib/errors.ts'
import { fromKey, type KubeObject, nameOf } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome, type Reconciler } from '../../../lib/reconcile/types.ts'
import { type HostBinding, type HostBindingStatus, ORPHANED, type VirtualMachine } from '../../../schemas/index.ts'
import { AGENT_EVENTS } from '../../events.ts'
import { HOST_BINDINGS, NAMESPACES, VMS } from '../../names.ts'
import { VM_CONDITIONS } from '../virtualmachine/conditions.ts'
import { BINDING_CONDITIONS } from './conditions.ts'
import { type BindingPlan, type BindingStep, planBinding, withHandedOver } from './plan.ts'
import { neededUids } from './unneeded.ts'

export interface HostBindingDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly clock: Clock
  readonly events: Pick<EventRecorder, 'record'>
}

/** A copy that is held by its finalizers is seen to go by its change; this is for the case that the wake was lost. */
const LOOK_AGAIN_MS = 10_000

export class HostBindingReconciler implements Reconciler {
  readonly #deps: HostBindingDeps

  constructor(deps: HostBindingDeps) {
    this.#deps = deps
  }

  async reconcile(key: string): Promise<Outcome> {
    const { reader } = this.#deps
    const binding = reader.get<HostBinding>(HOST_BINDINGS, fromKey(key))
    if (binding === null) return DONE
    const needed = neededUids(reader.list<HostBinding>(HOST_BINDINGS))
    const plan = planBinding(binding, {
      here: (resource, namespace, name) => reader.get(resource, { namespace, name }),
      isNeeded: (uid) => needed.has(uid),
    })
    const refused = await this.#run(plan.steps)
    await this.#say(binding, refused === null ? plan : refusedPlan(refused))
    await this.#sayOrphaned(binding)
    if (refused !== null && refused.code >= 500) throw refused
    if (refused !== null) return again(LOOK_AGAIN_MS, refused.message)
    // The deletion of what held nothing is over at once.
    if (plan.phase === 'Releasing' && plan.steps.length > 0) return again(0, 'it is looked at whether it is gone')
    const open = plan.phase === 'Pending' || plan.phase === 'Releasing'
    return open ? again(LOOK_AGAIN_MS, plan.condition.message ?? plan.phase) : DONE
  }

  /** The refusal that ended it; null when all was done. */
  async #run(steps: readonly BindingStep[]): Promise<ApiError | null> {
    for (const step of steps)
      try {
        await this.#step(step)
      } catch (error) {
        // Killed here once, or somebody was faster: the next look sees it.
        if (isApiError(error, 'AlreadyExists')) continue
        if (!(error instanceof ApiError)) throw error
        return new ApiError(error.reason, `${labelOf(step)}: ${messageOf(error)}`)
      }
    return null
  }

  async #step(step: BindingStep): Promise<void> {
    const { resources } = this.#deps
    switch (step.do) {
      case 'make-namespace':
        await resources.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: step.name } })
        return
      case 'make':
        await resources.recreate(step.resource, step.copy)
        return
      case 'follow':
        await resources.follow(step.resource, step.copy)
        return
      case 'hand-over': {
        const { vm, from } = step
        const target = { ...nameOf(vm), uid: vm.metadata.uid }
        await resources.modifyStatus<VirtualMachine>(VMS, target, (_, now) => withHandedOver(now, from))
        return
      }
      case 'delete':
        return resources.delete(step.resource, nameOf(step.object), { uid: step.object.metadata.uid })
    }
  }

  /** The scheduler says whether it knows the machine; the machine's status is this host's to write. */
  async #sayOrphaned({ metadata, spec }: HostBinding): Promise<void> {
    const { reader, resources, clock, events } = this.#deps
    const { subject } = spec
    if (subject.resource !== VMS) return
    const words = metadata.annotations?.[ORPHANED]
    const name = { namespace: subject.namespace ?? '', name: subject.name }
    const vm = reader.get<VirtualMachine>(VMS, name)
    if (vm === null || vm.metadata.uid !== subject.uid) return
    const told = isTrue(vm.status?.conditions, 'Orphaned')
    if (words === undefined && !told) return
    const { generation } = vm.metadata
    await resources.modifyStatus<VirtualMachine>(VMS, { ...name, uid: subject.uid }, (status) => {
      const state = { type: 'Orphaned', status: 'True', reason: 'UnknownToScheduler', message: words ?? '' } as const
      const conditions =
        words === undefined
          ? removeCondition(status?.conditions, 'Orphaned')
          : VM_CONDITIONS.set(status?.conditions, state, generation, clock.now())
      return { ...status, conditions } as VirtualMachine['status']
    })
    if (words !== undefined && !told) events.record(vm, AGENT_EVENTS.text('Orphaned', words))
  }

  async #say(binding: HostBinding, { phase, condition }: BindingPlan): Promise<void> {
    const { resources, clock } = this.#deps
    const { generation = 0, name, uid } = binding.metadata
    const now = clock.now()
    await resources.modifyStatus<HostBinding>(HOST_BINDINGS, { namespace: '', name, uid }, (before, current) => {
      // What was done was asked by an earlier word: the next pass says what became of the newer one.
      if (current.metadata.generation !== generation) return before
      const obeyed = phase === 'Pending' ? (before?.epoch ?? 0) : Math.max(before?.epoch ?? 0, binding.spec.epoch)
      const next: HostBindingStatus = {
        ...before,
        phase,
        epoch: obeyed,
        observedGeneration: generation,
        conditions: [...BINDING_CONDITIONS.set(before?.conditions, condition, generation, now)],
      }
      return next
    })
  }
}

const refusedPlan = ({ message }: ApiError): BindingPlan => ({
  steps: [],
  phase: 'Pending',
  condition: { type: 'Obeyed', status: 'False', reason: 'ObjectRefused', message },
})

function labelOf(step: BindingStep): string {
  if (step.do === 'make-namespace') return `Namespace ${step.name}`
  const object: KubeObject = step.do === 'hand-over' ? step.vm : step.do === 'delete' ? step.object : step.copy
  return `${object.kind} ${object.metadata.name}`
}
