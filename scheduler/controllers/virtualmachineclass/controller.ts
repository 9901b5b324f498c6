// VirtualMachineClass in a cluster: which hosts can run its machines, what CPU a class of the type Discovery comes to, and that it is not
// deleted under them.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { fromKey, nameOf, toKey } from '../../../lib/object.ts'
import { Controller, type ControllerObserver } from '../../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../../lib/reconcile/log.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome } from '../../../lib/reconcile/types.ts'
import { keyOf } from '../../../lib/store/change.ts'
import type { Change } from '../../../lib/store/store.ts'
import {
  type Node,
  nodeCpuOf,
  type VirtualMachine,
  type VirtualMachineClass,
  withDiscovery,
} from '../../../schemas/index.ts'
import { NODES, VM_CLASS_IN_USE, VM_CLASSES, VMS } from '../../../schemas/resources.ts'
import { referenceOf, VMS_BY_REFERENCE } from '../../indexes.ts'
import type { AgentClients } from '../../links/clients.ts'
import { askBaseline } from './ask.ts'
import { planDiscovery } from './discover.ts'
import { classStatus, MOST, type Users } from './status.ts'

export interface ClassesDeps {
  readonly reader: Reader
  readonly resources: Resources
  /** Members of the cluster. */
  readonly nodes: () => readonly string[]
  readonly clients: Pick<AgentClients, 'clientFor'>
  /** In words, why a host is not asked now; null when it can be. */
  readonly notReady: (node: string) => string | null
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
}

const CONCURRENCY = 4
/** Hosts that did not answer are asked again. */
const ASK_AGAIN_MS = 10_000
/** Hosts come in crowds, and each look is at all of them. */
const GATHER_MS = 500
/** Machines come in greater ones, and change nothing but how many they are. */
const USERS_GATHER_MS = 2_000

export class Classes {
  readonly controller: Controller
  readonly #deps: ClassesDeps

  constructor(deps: ClassesDeps) {
    this.#deps = deps
    const { reader, clock, log, observer } = deps
    this.controller = new Controller({
      name: 'virtualmachineclass',
      reconciler: { reconcile: (key, signal) => this.#pass(key, signal) },
      clock,
      log,
      concurrency: CONCURRENCY,
      keys: () => reader.list(VM_CLASSES).map((object) => toKey(nameOf(object))),
      ...(observer === undefined ? {} : { observer }),
    })
  }

  /** Follows classes, the hosts and who names a class. Returns the unsubscribe function. */
  start(): () => void {
    return this.#deps.reader.onChange((change) => {
      const { resource, name } = keyOf(change)
      if (resource === VM_CLASSES) this.#wake(name)
      if (resource === NODES && isAboutCpu(change))
        for (const { metadata } of this.#deps.reader.list(VM_CLASSES)) this.#wake(metadata.name, GATHER_MS)
      if (resource === VMS) for (const className of classesOf(change)) this.#wake(className, USERS_GATHER_MS)
    })
  }

  #wake(name: string, afterMs = 0): void {
    this.controller.enqueue(toKey({ namespace: '', name }), afterMs)
  }

  async #pass(key: string, signal: AbortSignal): Promise<Outcome> {
    const { reader, resources, clock } = this.#deps
    const vmClass = reader.get<VirtualMachineClass>(VM_CLASSES, fromKey(key))
    if (vmClass === null) return DONE
    const target = { ...nameOf(vmClass), uid: vmClass.metadata.uid }
    const isDeleted = vmClass.metadata.deletionTimestamp !== undefined
    const usedBy = this.#users(vmClass.metadata.name)
    if (isDeleted && usedBy.count === 0) {
      await resources.removeFinalizer(VM_CLASSES, target, VM_CLASS_IN_USE)
      return DONE
    }
    if (!isDeleted) await resources.addFinalizer(VM_CLASSES, target, VM_CLASS_IN_USE)
    const nodes = this.#nodes()
    const problem = isDeleted ? null : await this.#discover(vmClass, nodes, signal)
    await resources.modifyStatus<VirtualMachineClass>(VM_CLASSES, target, (before, current) =>
      classStatus({ vmClass: current, before, nodes, usedBy, problem, now: clock.now() }),
    )
    return problem === null ? DONE : again(ASK_AGAIN_MS, problem)
  }

  /** In words, why no common CPU was found; null when there is nothing to find, or it was. */
  async #discover(vmClass: VirtualMachineClass, nodes: readonly Node[], signal: AbortSignal): Promise<string | null> {
    const { resources, log, clients, notReady } = this.#deps
    const { name, uid } = vmClass.metadata
    const isUsed = () => this.#users(name).count > 0
    const step = planDiscovery(vmClass, nodes, isUsed())
    if (step.do === 'wait') return step.why
    if (step.do !== 'ask') return null
    const able = step.of.filter((node) => notReady(node) === null)
    const answer = await askBaseline(clients, able, step.ask, signal)
    if (answer.cpu === null) return answer.why
    const { model, features, enabled } = answer.cpu
    const found = { model, features, enabled, nodes: step.nodes }
    await resources.modifyStatus<VirtualMachineClass>(VM_CLASSES, { namespace: '', name, uid }, (status, current) =>
      // A machine that came meanwhile counts on what was there.
      planDiscovery(current, nodes, isUsed()).do === 'ask' ? withDiscovery(status, found) : status,
    )
    const names = step.nodes.map((node) => node.name)
    log.info({ class: name, model, nodes: names, by: answer.by }, 'the common CPU of hosts was found')
    return null
  }

  #users(name: string): Users {
    const reference = referenceOf('VirtualMachineClass', '', name)
    const { count, first } = this.#deps.reader.someByIndex<VirtualMachine>(VMS_BY_REFERENCE, reference, MOST)
    return { count, first: first.map((vm) => toKey(nameOf(vm))) }
  }

  #nodes(): readonly Node[] {
    const members = new Set(this.#deps.nodes())
    return this.#deps.reader.list<Node>(NODES).filter(({ metadata }) => members.has(metadata.name))
  }
}

/** Labels, amounts and whether it is ready; not each sign of life. */
function isAboutCpu(change: Change): boolean {
  if (change.type === 'delete' || change.previous === null) return true
  const facts = (node: Node) =>
    JSON.stringify([
      node.metadata.labels,
      node.status?.allocatable,
      nodeCpuOf(node),
      node.status?.conditions?.find(({ type }) => type === 'Ready')?.reason,
    ])
  return facts(change.previous as Node) !== facts(change.entry.value as Node)
}

/** Those that a machine names, or named, where that is news. */
function classesOf(change: Change): readonly string[] {
  const named = (object: unknown) => (object as VirtualMachine | null)?.spec.virtualMachineClassName
  const [before, after] = [named(change.previous), change.type === 'put' ? named(change.entry.value) : undefined]
  return before === after ? [] : [before, after].flatMap((name) => name ?? [])
}
