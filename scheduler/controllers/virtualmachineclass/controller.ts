// VirtualMachineClass in a cluster: which hosts can run its machines, what CPU a class of the type Discovery comes to, and that it is not
// deleted under them.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { fromKey, nameOf, toKey } from '../../../lib/object.ts'
import { commonFeatures, discoveryNodes } from '../../../lib/placement/class/cpu.ts'
import { Controller, type ControllerObserver } from '../../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../../lib/reconcile/log.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { DONE, type Outcome } from '../../../lib/reconcile/types.ts'
import { keyOf } from '../../../lib/store/change.ts'
import type { Change } from '../../../lib/store/store.ts'
import {
  discoveredOf,
  type Node,
  type VirtualMachine,
  type VirtualMachineClass,
  withDiscovered,
} from '../../../schemas/index.ts'
import { NODES, VM_CLASS_IN_USE, VM_CLASSES, VMS } from '../../../schemas/resources.ts'
import { referenceOf, VMS_BY_REFERENCE } from '../../indexes.ts'
import { classStatus } from './status.ts'

export interface ClassesDeps {
  readonly reader: Reader
  readonly resources: Resources
  /** Members of the cluster. */
  readonly nodes: () => readonly string[]
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
}

const CONCURRENCY = 4

export class Classes {
  readonly controller: Controller
  readonly #deps: ClassesDeps

  constructor(deps: ClassesDeps) {
    this.#deps = deps
    const { reader, clock, log, observer } = deps
    this.controller = new Controller({
      name: 'virtualmachineclass',
      reconciler: { reconcile: (key) => this.#pass(key) },
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
        for (const { metadata } of this.#deps.reader.list(VM_CLASSES)) this.#wake(metadata.name)
      if (resource === VMS) for (const className of classesOf(change)) this.#wake(className)
    })
  }

  #wake(name: string): void {
    this.controller.enqueue(toKey({ namespace: '', name }))
  }

  async #pass(key: string): Promise<Outcome> {
    const { reader, resources, clock } = this.#deps
    const vmClass = reader.get<VirtualMachineClass>(VM_CLASSES, fromKey(key))
    if (vmClass === null) return DONE
    const target = { ...nameOf(vmClass), uid: vmClass.metadata.uid }
    const isDeleted = vmClass.metadata.deletionTimestamp !== undefined
    const usedBy = reader
      .byIndex<VirtualMachine>(VMS_BY_REFERENCE, referenceOf('VirtualMachineClass', '', vmClass.metadata.name))
      .map((vm) => toKey(nameOf(vm)))
    if (isDeleted && usedBy.length === 0) {
      await resources.removeFinalizer(VM_CLASSES, target, VM_CLASS_IN_USE)
      return DONE
    }
    if (!isDeleted) await resources.addFinalizer(VM_CLASSES, target, VM_CLASS_IN_USE)
    const nodes = this.#nodes()
    await this.#discover(vmClass, nodes)
    await resources.modifyStatus<VirtualMachineClass>(VM_CLASSES, target, (before, current) =>
      classStatus({ vmClass: current, before, nodes, usedBy, now: clock.now() }),
    )
    return DONE
  }

  /** Once: machines are started with what was found then. */
  async #discover(vmClass: VirtualMachineClass, nodes: readonly Node[]): Promise<void> {
    if (vmClass.spec.cpu.type !== 'Discovery' || discoveredOf(vmClass) !== null) return
    const meant = discoveryNodes(vmClass, nodes)
    const features = commonFeatures(meant)
    if (features.length === 0) return
    const { resources, log } = this.#deps
    await resources.modify<VirtualMachineClass>(VM_CLASSES, nameOf(vmClass), (current) =>
      current.metadata.uid === vmClass.metadata.uid ? withDiscovered(current, features) : current,
    )
    const names = meant.map(({ metadata }) => metadata.name)
    log.info({ class: vmClass.metadata.name, nodes: names, features: features.length }, 'a common CPU was found')
  }

  #nodes(): readonly Node[] {
    const members = new Set(this.#deps.nodes())
    return this.#deps.reader.list<Node>(NODES).filter(({ metadata }) => members.has(metadata.name))
  }
}

/** Labels, amounts and whether it is ready; not each sign of life. */
function isAboutCpu(change: Change): boolean {
  if (change.type === 'delete' || change.previous === null) return true
  const facts = ({ metadata, status }: Node) =>
    JSON.stringify([
      metadata.labels,
      status?.allocatable,
      status?.conditions?.find(({ type }) => type === 'Ready')?.reason,
    ])
  return facts(change.previous as Node) !== facts(change.entry.value as Node)
}

/** Those that a machine names, or named, where that is news. */
function classesOf(change: Change): readonly string[] {
  const named = (object: unknown) => (object as VirtualMachine | null)?.spec.virtualMachineClassName
  const [before, after] = [named(change.previous), change.type === 'put' ? named(change.entry.value) : undefined]
  return before === after ? [] : [before, after].flatMap((name) => name ?? [])
}
