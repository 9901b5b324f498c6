// What bound machines are promised of this host: CPU and memory from the moment a binding is accepted, so that a second scheduler, or a
// start of a machine of the host's own, cannot take it. Derived from the bindings; nothing is kept in step.
import type { Clock } from '../../lib/clock.ts'
import { hostMemoryOf, milliCoresOf } from '../../lib/placement/requests.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { keyOf } from '../../lib/store/change.ts'
import type { HostBinding, VirtualMachine, VirtualMachineClass } from '../../schemas/index.ts'
import { type PowerRecord, wantedPower } from '../../schemas/virtualmachine/power.ts'
import { effectiveCoreFraction } from '../../schemas/virtualmachineclass/sizing-policy.ts'
import type { Holding } from '../controllers/virtualmachine/ledger.ts'
import { HOST_BINDINGS, VM_CLASSES, VMS } from '../names.ts'
import { classNamed, handedOver, subjectOf } from './binding-objects.ts'

/** An accepted binding is in the cache long before that; a write that failed must not hold room for ever. */
const PENDING_MS = 60_000

export interface HoldingsDeps {
  readonly reader: Reader
  readonly clock: Pick<Clock, 'monotonic'>
  readonly vmOf: (uid: string) => VirtualMachine | null
}

interface Pending {
  readonly holding: Holding
  readonly until: number
}

export class Holdings {
  readonly #deps: HoldingsDeps
  readonly #pending = new Map<string, Pending>()
  readonly #forget: () => void

  constructor(deps: HoldingsDeps) {
    this.#deps = deps
    this.#forget = deps.reader.onChange((change) => {
      const { resource, name } = keyOf(change)
      // A status that is written in between has not what is expected.
      const status =
        change.type === 'put' && change.previous?.metadata.generation === change.entry.value.metadata.generation
      if (resource === HOST_BINDINGS && !status) this.#pending.delete(name)
    })
  }

  close(): void {
    this.#forget()
  }

  /** What that binding promises; null when nothing. */
  of(binding: HostBinding): Holding | null {
    const { reader, vmOf } = this.#deps
    const { subject, role, deleted } = binding.spec
    if (subject.resource !== VMS || role === 'Released' || deleted) return null
    const vm = subjectOf<VirtualMachine>(binding)
    if (vm === null) return null
    const local = vmOf(subject.uid)
    const power = local?.status === undefined ? handedOver(vm).power : berthPower(local)
    if (!isToRun(vm, power)) return null
    const vmClass =
      classNamed(binding, vm.spec.virtualMachineClassName) ??
      reader.get<VirtualMachineClass>(VM_CLASSES, { namespace: '', name: vm.spec.virtualMachineClassName })
    const coreFraction = effectiveCoreFraction(vm.spec, vmClass?.spec ?? {})
    const spec = { ...vm.spec, cpu: { ...vm.spec.cpu, coreFraction } }
    return {
      vm: `${subject.namespace}/${subject.name}`,
      milliCores: milliCoresOf(spec),
      memoryBytes: hostMemoryOf(spec),
      disks: [],
    }
  }

  /** By uid of the machine: what is promised now. */
  promised(): ReadonlyMap<string, Holding> {
    const promises = new Map<string, Holding>()
    for (const binding of this.#deps.reader.list<HostBinding>(HOST_BINDINGS)) {
      const holding = this.of(binding)
      if (holding !== null) promises.set(binding.metadata.name, holding)
    }
    const now = this.#deps.clock.monotonic()
    for (const [uid, { holding, until }] of this.#pending)
      if (until > now) promises.set(uid, holding)
      else this.#pending.delete(uid)
    return promises
  }

  /** A binding that is about to be stored. */
  expect(uid: string, holding: Holding): void {
    this.#pending.set(uid, { holding, until: this.#deps.clock.monotonic() + PENDING_MS })
  }
}

const berthPower = ({ status }: VirtualMachine): PowerRecord =>
  (status as { readonly berth?: { readonly power?: PowerRecord } } | undefined)?.berth?.power ?? {}

/** Whether the machine takes room. A restart is one machine all the way: it keeps its room between its two runs. */
export const isToRun = ({ spec }: VirtualMachine, power: PowerRecord): boolean =>
  power.request?.type === 'Restart' || wantedPower(power, spec.runPolicy ?? 'AlwaysOnUnlessStoppedManually') === 'On'
