// VirtualMachineClass: whether its virtual machines can run on this host, and that it is not deleted under them.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { fromKey } from '../../../lib/object.ts'
import { matchesNode } from '../../../lib/placement/class/cpu.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { DONE, type Outcome, type Reconciler } from '../../../lib/reconcile/types.ts'
import {
  cpuDigest,
  discoveredOf,
  isBound,
  type Node,
  type VirtualMachine,
  type VirtualMachineClass,
  withDiscovery,
} from '../../../schemas/index.ts'
import type { HostFacts } from '../../host/facts.ts'
import { NODES, VM_CLASS_IN_USE, VM_CLASSES, VMS } from '../../names.ts'
import { buildClassStatus } from './status.ts'

/** Name of the reader's index: class name -> its virtual machines. */
export const VMS_BY_CLASS = `${VMS}/class`

export interface ClassDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly clock: Clock
  readonly facts: HostFacts
}

export class ClassReconciler implements Reconciler {
  readonly #deps: ClassDeps

  constructor(deps: ClassDeps) {
    this.#deps = deps
  }

  async reconcile(key: string): Promise<Outcome> {
    const { reader, resources, facts, clock } = this.#deps
    const name = fromKey(key)
    const vmClass = reader.get<VirtualMachineClass>(VM_CLASSES, name)
    if (vmClass === null) return DONE
    const target = { ...name, uid: vmClass.metadata.uid }
    const deleted = vmClass.metadata.deletionTimestamp !== undefined
    if (!deleted) await resources.addFinalizer(VM_CLASSES, target, VM_CLASS_IN_USE)
    const usedBy = this.#users(name.name)
    if (deleted && usedBy.length === 0) {
      await resources.removeFinalizer(VM_CLASSES, target, VM_CLASS_IN_USE)
      return DONE
    }
    const node = reader.get<Node>(NODES, { namespace: '', name: facts.nodeName })
    await resources.modifyStatus<VirtualMachineClass>(VM_CLASSES, target, (before, object) => {
      const found = {
        ...object,
        status: this.#discovered(object, before, node, usedBy.length > 0),
      } as VirtualMachineClass
      return buildClassStatus({ vmClass: found, before: found.status, facts, node, usedBy, now: clock.now() })
    })
    return DONE
  }

  /** What this host has; machines that name the class keep what they were started with. A copy brings along what a scheduler found. */
  #discovered(
    vmClass: VirtualMachineClass,
    before: VirtualMachineClass['status'],
    node: Node | null,
    isUsed: boolean,
  ): VirtualMachineClass['status'] {
    const { cpu } = vmClass.spec
    const { own } = this.#deps.facts.cpu
    if (cpu.type !== 'Discovery' || isBound(vmClass) || own === null) return before
    if (isUsed && discoveredOf(vmClass) !== null) return before
    if (node === null || !matchesNode(cpu.discovery?.nodeSelector, node)) return before
    const { xml, ...found } = own
    return withDiscovery(before, { ...found, nodes: [{ name: this.#deps.facts.nodeName, cpu: cpuDigest(xml) }] })
  }

  #users(name: string): readonly string[] {
    return this.#deps.reader
      .byIndex<VirtualMachine>(VMS_BY_CLASS, name)
      .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
  }
}
