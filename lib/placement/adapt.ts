// API objects -> the facts that placement decides by. Pure; nothing is read from anywhere else.
import type { Node, VirtualDisk, VirtualMachine, VirtualMachineClass } from '../../schemas/index.ts'
import {
  type ClusterDiskStatus,
  clusterStatusOf,
  guestsHaveTpm,
  nodeClassesOf,
  nodeImagesOf,
} from '../../schemas/index.ts'
import { effectiveCoreFraction } from '../../schemas/virtualmachineclass/sizing-policy.ts'
import { readQuantity, toMilli, toUnits } from '../quantity.ts'
import { HOST_MODEL_LABEL } from './cpu-labels.ts'
import type { Accelerator, CpuNeed, DiskFacts, NodeFacts, VmFacts, Weighted } from './facts.ts'
import { hostMemoryOf, milliCoresOf, needsTpm } from './requests.ts'
import type { CandidateNode, ClassPlacement, NeighbourTerm, PlacedVm } from './types.ts'

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution'
const PREFERRED = 'preferredDuringSchedulingIgnoredDuringExecution'

/** What the Node object does not say. */
export interface NodeExtras {
  /** In words, why the folder of a shared class does not count there, by class. */
  readonly folderProblem?: (storageClass: string) => string | null
  readonly devices?: ReadonlyMap<string, number>
  /** In words, why it is not used now, whatever its conditions say; its own conditions count besides. */
  readonly notReady?: string | null
}

/** Facts of a host. Amounts that cannot be read count as nothing: a host that says nonsense gets no VM. */
export function nodeFactsOf(node: Node, extras: NodeExtras = {}): NodeFacts {
  const { status } = node
  return {
    ...nodeRulesOf(node),
    notReady: extras.notReady ?? notReadyWords(node),
    milliCpu: amount(status?.allocatable?.cpu, toMilli),
    memoryBytes: amount(status?.allocatable?.memory, toUnits),
    accelerator: acceleratorOf(node),
    tpm: guestsHaveTpm(node),
    storageClasses: classRoomsOf(node, extras),
    images: new Set(nodeImagesOf(node)),
    devices: extras.devices ?? new Map(),
  }
}

function classRoomsOf(node: Node, { folderProblem = () => null }: NodeExtras): NodeFacts['storageClasses'] {
  const classes = nodeClassesOf(node)
  if (classes === null) return null
  return new Map(
    classes.map(({ name, problem, freeBytes, totalBytes, folder }) => [
      name,
      {
        problem: problem ?? folderProblem(name),
        freeBytes: Number(freeBytes),
        totalBytes: Number(totalBytes),
        folder,
      },
    ]),
  )
}

/** The part of a host's facts that people write. */
export const nodeRulesOf = ({
  metadata,
  spec,
}: CandidateNode): Pick<NodeFacts, 'name' | 'labels' | 'taints' | 'unschedulable'> => ({
  name: metadata.name,
  labels: metadata.labels ?? {},
  taints: spec?.taints ?? [],
  unschedulable: spec?.unschedulable ?? false,
})

function amount(quantity: string | number | undefined, read: (text: string | number) => bigint): number {
  if (quantity === undefined || !readQuantity(quantity).ok) return 0
  return Math.max(0, Number(read(quantity)))
}

/** Null when its condition Ready is True. */
function notReadyWords({ status }: Node): string | null {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  if (ready === undefined) return 'it has not reported yet'
  if (ready.status === 'True') return null
  return ready.message === '' ? ready.reason : ready.message
}

/** By the reason of its condition Ready, as agents write it. */
export function acceleratorOf({ status }: Node): Accelerator | null {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  if (ready?.status !== 'True') return null
  return ready.reason === 'AgentReadyEmulated' ? 'qemu' : 'kvm'
}

/** What a VM refers to, as far as it is known. */
export interface VmExtras {
  /** Null: it does not exist (yet). */
  readonly vmClass: Pick<VirtualMachineClass, 'spec'> | null
  readonly disks?: readonly DiskFacts[]
  readonly images?: VmFacts['images']
  /** Of its PriorityClass. */
  readonly priority?: number
  readonly preempts?: boolean
  /** Features that a class of the type Discovery came to. */
  readonly discovered?: readonly string[]
  /** The host where it runs, and is to migrate from: its CPU and accelerator must be had at the target as well. */
  readonly runsOn?: NodeFacts
}

/** Facts of a VM. @throws QuantityError for a memory size that the API server would not have stored */
export function vmFactsOf(vm: VirtualMachine, extras: VmExtras): VmFacts {
  const { spec } = vm
  const classSpec = extras.vmClass?.spec ?? null
  const coreFraction = effectiveCoreFraction(spec, classSpec ?? {})
  return {
    ...vmRulesOf(vm, classSpec ?? {}),
    milliCpu: milliCoresOf({ cpu: { ...spec.cpu, coreFraction } }),
    memoryBytes: Number(hostMemoryOf(spec)),
    cpu: classSpec === null ? {} : cpuNeedOf(classSpec.cpu, extras),
    tpm: needsTpm(spec),
    disks: extras.disks ?? [],
    images: extras.images ?? [],
    devices: devicesOf(spec),
    priority: extras.priority ?? 0,
    preempts: extras.preempts ?? true,
  }
}

type Rules = Omit<
  VmFacts,
  'milliCpu' | 'memoryBytes' | 'cpu' | 'tpm' | 'disks' | 'images' | 'devices' | 'priority' | 'preempts'
>

/** The part of a VM's facts that its placement fields and its class make. */
export function vmRulesOf({ metadata, spec }: PlacedVm, classSpec: ClassPlacement): Rules {
  const { affinity } = spec
  return {
    uid: metadata.uid,
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    labels: metadata.labels ?? {},
    nodeSelector: spec.nodeSelector ?? {},
    classSelector: classSpec.nodeSelector ?? null,
    tolerations: [...(classSpec.tolerations ?? []), ...(spec.tolerations ?? [])],
    nodeAffinity: affinity?.nodeAffinity?.[REQUIRED]?.nodeSelectorTerms ?? null,
    preferredNodes: (affinity?.nodeAffinity?.[PREFERRED] ?? []).map(({ weight, preference }) => ({
      weight,
      term: preference,
    })),
    near: affinity?.virtualMachineAndPodAffinity?.[REQUIRED] ?? [],
    apart: affinity?.virtualMachineAndPodAntiAffinity?.[REQUIRED] ?? [],
    preferNear: (affinity?.virtualMachineAndPodAffinity?.[PREFERRED] ?? []).map(weighted),
    preferApart: (affinity?.virtualMachineAndPodAntiAffinity?.[PREFERRED] ?? []).map(weighted),
    spread: spec.topologySpreadConstraints ?? [],
  }
}

const weighted = (each: {
  readonly weight: number
  readonly virtualMachineAndPodAffinityTerm: NeighbourTerm
}): Weighted<NeighbourTerm> => ({ weight: each.weight, term: each.virtualMachineAndPodAffinityTerm })

function cpuNeedOf(cpu: VirtualMachineClass['spec']['cpu'], { discovered, runsOn }: VmExtras): CpuNeed {
  // A running VM takes its accelerator along, and with a host's own CPU that as well.
  const running = runsOn === undefined || runsOn.accelerator === null ? {} : { accelerator: runsOn.accelerator }
  const hostModel = runsOn === undefined ? undefined : hostModelOf(runsOn)
  const sameHost = hostModel === undefined ? {} : { hostModel }
  switch (cpu.type) {
    case 'Model':
      return { ...running, ...(cpu.model === undefined ? {} : { model: cpu.model }) }
    case 'Features':
      return { ...running, features: cpu.features ?? [] }
    case 'Discovery':
      return { ...running, features: discovered ?? [] }
    case 'Host':
      return { ...running, ...sameHost }
    case 'HostPassthrough':
      return { ...sameHost, accelerator: 'kvm' }
  }
}

/** The model of a host's own CPU, by its labels. */
function hostModelOf({ labels }: NodeFacts): string | undefined {
  const prefix = `${HOST_MODEL_LABEL}/`
  const [key] = Object.keys(labels)
    .filter((each) => each.startsWith(prefix))
    .sort()
  return key?.slice(prefix.length)
}

/** USB devices by name, GPUs by class. */
function devicesOf({ usbDevices = [], gpus = [] }: VirtualMachine['spec']): VmFacts['devices'] {
  const counts = new Map<string, number>()
  const add = (name: string) => counts.set(name, (counts.get(name) ?? 0) + 1)
  for (const { name } of usbDevices) add(`usb/${name}`)
  for (const { gpuClassName } of gpus) add(`gpu/${gpuClassName}`)
  return [...counts].map(([name, count]) => ({ name, count }))
}

/** What a disk's object does not say. */
export interface DiskExtras {
  readonly storageClass: string | null
  /** The class is reachable from several hosts. */
  readonly shared: boolean
  /** Of the image that it is made from, as a guest sees that; 0 without one, or when not known. */
  readonly imageBytes: number
}

/** Where a disk is, and what it takes. */
export function diskFactsOf(disk: VirtualDisk, { storageClass, shared, imageBytes }: DiskExtras): DiskFacts {
  const { placement, folder = null } = clusterStatusOf<ClusterDiskStatus>(disk)
  const asked = disk.status?.capacity ?? disk.spec.persistentVolumeClaim?.size
  return {
    name: disk.metadata.name,
    storageClass,
    shared,
    node: shared ? null : (placement?.node ?? null),
    bytes: asked === undefined ? imageBytes : amount(asked, toUnits),
    made: disk.status?.target?.persistentVolumeClaimName !== undefined,
    folder: shared ? folder : null,
  }
}
