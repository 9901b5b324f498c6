// Which words of a scheduler this host takes: none of a scheduler that was superseded, none that is older than what it knows, nothing that
// does not fit. A refusal is a Conflict in words with numbers, and comes before anything is stored or asked of libvirt.
import type { Admission } from '../../lib/apiserver/core/core.ts'
import { ApiError } from '../../lib/errors.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type {
  HostBinding,
  HostBindingSpec,
  Ruler,
  StorageClass,
  VirtualDisk,
  VirtualMachine,
  VirtualMachineClass,
} from '../../schemas/index.ts'
import { hostProblem } from '../controllers/virtualmachine/dependencies.ts'
import type { Holding, Ledger } from '../controllers/virtualmachine/ledger.ts'
import { cpuOf } from '../controllers/virtualmachineclass/cpu.ts'
import type { HostFacts } from '../host/facts.ts'
import { DISKS, HOST_BINDINGS, STORAGE_CLASSES, VM_CLASSES, VMS } from '../names.ts'
import { classNamed, ofKind, subjectOf } from './binding-objects.ts'
import type { Holdings } from './holdings.ts'
import { type RulerMemory, rulerRefusal } from './ruler.ts'

/** What judges whether a machine fits; there once the host was surveyed. */
export interface Host {
  readonly facts: HostFacts
  readonly ledger: Ledger
}

export interface BindingAdmissionDeps {
  readonly reader: Reader
  readonly ruler: Pick<RulerMemory, 'known' | 'reached'>
  readonly holdings: Pick<Holdings, 'of' | 'expect'>
  /** @throws ApiError ServiceUnavailable, in words, before the host was surveyed */
  readonly host: () => Host
}

/** Admission of HostBindings. Its one effect, the room that is held for what is about to be stored, is the same each time. */
export const bindingAdmission =
  (deps: BindingAdmissionDeps): Admission =>
  async ({ operation, kind, object, old, dryRun }) => {
    if (kind.resource !== HOST_BINDINGS) return
    const binding = object as HostBinding
    const before = old as HostBinding | null
    if (operation === 'delete') {
      refuseIf(forgetRefusal(binding))
      // What was obeyed stays known when the word itself is forgotten.
      return dryRun ? undefined : deps.ruler.reached(binding.spec.ruler.revision)
    }
    if (before !== null && same(before, binding)) return
    refuseOld(binding, before, deps.ruler.known)
    const holding = room(deps, binding, before)
    if (holding !== null && !dryRun) deps.holdings.expect(binding.metadata.name, holding)
  }

const same = (a: HostBinding, b: HostBinding): boolean =>
  JSON.stringify([a.spec, a.objects]) === JSON.stringify([b.spec, b.objects])

/** `field`: what a scheduler tells refusals apart by, which mean different things to it. */
function refuseIf(words: string | null, field = 'spec'): void {
  if (words === null) return
  const causes = [{ path: field, reason: 'FieldValueForbidden', message: words } as const]
  throw new ApiError('Conflict', words, { causes })
}

/** Refuses words of a scheduler that this host does not obey, and words that are older than those that it knows. Pure. @throws ApiError */
export function refuseOld(binding: HostBinding, before: HostBinding | null, known: RulerMemory['known']): void {
  refuseIf(rulerRefusal(binding.spec.ruler, known), rulerField(binding.spec.ruler, known))
  refuseIf(orderRefusal(binding, before), orderField(binding, before))
}

/** A scheduler that has not claimed the host yet may claim it; one that was superseded may not speak any more. */
const rulerField = (said: Ruler, known: Pick<Ruler, 'term'>): string =>
  said.term > known.term ? 'spec.ruler.term' : 'spec.ruler.instance'

/** The host knows better than who speaks, or takes nothing of the kind. */
const orderField = ({ spec }: HostBinding, before: HostBinding | null): string =>
  before !== null && spec.epoch <= highestEpoch(before) ? 'spec.epoch' : 'objects'

const nameOf = ({ resource, namespace, name }: HostBindingSpec['subject']): string =>
  `${resource.split('.')[0]} ${namespace ? `${namespace}/` : ''}${name}`

/** The highest epoch that was ever obeyed or accepted here for that object. */
export const highestEpoch = ({ spec, status }: HostBinding): number => Math.max(spec.epoch, status?.epoch ?? 0)

/** Old words and those that take back a release. Pure. */
export function orderRefusal(binding: HostBinding, before: HostBinding | null): string | null {
  const { spec } = binding
  const what = nameOf(spec.subject)
  if (spec.role !== 'Released' && subjectOf(binding) === null)
    return `${what}: the first of the objects must be the subject itself, with the uid ${spec.subject.uid}`
  if (before === null) return null
  const known = highestEpoch(before)
  if (spec.epoch < known) return `${what}: epoch ${spec.epoch} is stale: this host has obeyed epoch ${known} of it`
  if (BigInt(spec.ruler.revision) < BigInt(before.spec.ruler.revision))
    return `${what}: what was decided at revision ${spec.ruler.revision} is older than what this host knows, of revision ${before.spec.ruler.revision}`
  if (spec.epoch > known) return null
  if (before.spec.role === 'Released' && spec.role !== 'Released')
    return `${what}: it was released by epoch ${known}, and comes back by a higher one only`
  if (before.spec.role === 'Owner' && spec.role === 'Target')
    return `${what}: this host owns it by epoch ${known}, and is the target of no move by the same one`
  if (before.spec.deleted && !spec.deleted && spec.role !== 'Released')
    return `${what}: its deletion has begun here by epoch ${known}, and cannot be taken back`
  return null
}

function forgetRefusal({ spec, status }: HostBinding): string | null {
  const gone = status?.phase === 'Released' && (spec.role === 'Released' || spec.deleted === true)
  return gone
    ? null
    : `${nameOf(spec.subject)} is here by epoch ${spec.epoch}: its binding is forgotten only when it was released and is gone`
}

/** What the binding newly promises of the host; null when nothing new. @throws ApiError Conflict when it does not fit */
function room(deps: BindingAdmissionDeps, binding: HostBinding, before: HostBinding | null): Holding | null {
  const { spec } = binding
  if (spec.role === 'Released' || spec.deleted) return null
  if (spec.subject.resource === DISKS) refuseIf(diskRefusal(deps, binding))
  const ask = deps.holdings.of(binding)
  if (ask === null) return null
  const { facts, ledger } = deps.host()
  const { uid } = spec.subject
  const promised = before === null ? null : deps.holdings.of(before)
  const held = ledger.heldBy(uid)
  const has = [promised, held].some((one) => one !== null && covers(one, ask))
  // What it has already it keeps, whatever else has become of the host.
  if (has) return ask
  refuseIf(machineRefusal(deps, binding, facts))
  const refusal = ledger.refusal(uid, ask)
  refuseIf(refusal === null ? null : `${nameOf(spec.subject)} does not fit ${facts.nodeName}: it ${refusal}`)
  return ask
}

const covers = (has: Holding, ask: Holding): boolean =>
  has.milliCores >= ask.milliCores && has.memoryBytes >= ask.memoryBytes

function machineRefusal({ reader }: BindingAdmissionDeps, binding: HostBinding, facts: HostFacts): string | null {
  const vm = subjectOf<VirtualMachine>(binding)
  if (vm === null || binding.spec.subject.resource !== VMS) return null
  const what = `${nameOf(binding.spec.subject)} cannot run on ${facts.nodeName}`
  const name = vm.spec.virtualMachineClassName
  const vmClass = classNamed(binding, name) ?? reader.get<VirtualMachineClass>(VM_CLASSES, { namespace: '', name })
  if (vmClass === null) return `${what}: the VirtualMachineClass ${name} neither came with it nor is here`
  const cpu = cpuOf(vmClass, facts)
  if ('refused' in cpu) return `${what}: the VirtualMachineClass ${name}: ${cpu.refused}`
  const problem = hostProblem(vm, vmClass, facts)
  return problem === null ? null : `${what}: ${problem}`
}

function diskRefusal({ reader }: BindingAdmissionDeps, binding: HostBinding): string | null {
  const name = subjectOf<VirtualDisk>(binding)?.spec.persistentVolumeClaim?.storageClassName
  if (name === undefined) return null
  const came = ofKind<StorageClass>(binding, 'StorageClass').some(({ metadata }) => metadata.name === name)
  if (came || reader.get(STORAGE_CLASSES, { namespace: '', name }) !== null) return null
  return `${nameOf(binding.spec.subject)}: the StorageClass ${name} neither came with it nor is here`
}
