// Everything that a VM refers to, resolved: what is there, and in words what is missing. Reads only.
import type { CpuPlan } from '../../../lib/domain/index.ts'
import type { KubeObject } from '../../../lib/object.ts'
import { fitsNode } from '../../../lib/placement/node-fit.ts'
import { priorityOf } from '../../../lib/placement/priority.ts'
import { needsTpm } from '../../../lib/placement/requests.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import {
  isBound,
  type Node,
  type PriorityClass,
  type Secret,
  type VirtualMachine,
  type VirtualMachineClass,
} from '../../../schemas/index.ts'
import {
  effectiveCoreFraction,
  sizingMessage,
  sizingProblems,
} from '../../../schemas/virtualmachineclass/sizing-policy.ts'
import type { Standing } from '../../cluster/standing.ts'
import type { HostFacts } from '../../host/facts.ts'
import { NODES, PRIORITY_CLASSES, SECRETS, VM_CLASSES, VMS } from '../../names.ts'
import { cpuOf } from '../virtualmachineclass/cpu.ts'
import { type BlockDeviceDeps, type KnownDevice, resolveBlockDevices } from './block-devices.ts'
import type { Device } from './domain-plan.ts'

/** The findings; each `…Problem` is null when that part is ready. */
export interface Dependencies {
  /** The guaranteed share of each core: the VM's own, else its class's default, else all of it. */
  readonly coreFraction: string
  /** Value of its PriorityClass: which of those that wait for their start goes first. */
  readonly priority: number
  readonly cpu: CpuPlan | null
  readonly classProblem: string | null
  readonly sizingProblem: {
    readonly reason: 'VirtualMachineClassNotFound' | 'SizingPolicyNotMatched'
    readonly message: string
  } | null
  readonly devices: readonly Device[]
  readonly devicesProblem: string | null
  /** Block devices of the spec and of the domain whose objects are there, ready or not. */
  readonly known: readonly KnownDevice[]
  /** The first device cannot be booted from. */
  readonly bootProblem: string | null
  readonly userData: string | null
  readonly provisioningProblem: string | null
  readonly hostProblem: string | null
  /** A scheduler does not let it start here, or not yet. */
  readonly bindingProblem: string | null
  readonly placementProblem: string | null
}

export interface DependencyDeps extends BlockDeviceDeps {
  readonly reader: Reader
  readonly facts: HostFacts
  /** In words, why this host has no network for guests; null when it has. */
  readonly networkProblem: () => string | null
  readonly standing: Pick<Standing, 'mayStart'>
}

/** `attached`: uids of the disks and images that the domain has now. */
export async function resolveDependencies(
  vm: VirtualMachine,
  attached: readonly string[],
  deps: DependencyDeps,
): Promise<Dependencies> {
  const vmClass = deps.reader.get<VirtualMachineClass>(VM_CLASSES, {
    namespace: '',
    name: vm.spec.virtualMachineClassName,
  })
  const cpu = vmClass === null ? null : cpuOf(vmClass, deps.facts)
  const { ready, known, problem } = await resolveBlockDevices(vm, attached, deps)
  const provisioning = resolveProvisioning(vm, deps.reader)
  return {
    coreFraction: effectiveCoreFraction(vm.spec, vmClass?.spec ?? {}),
    priority: priorityOf(vm, deps.reader.list<PriorityClass>(PRIORITY_CLASSES)).value,
    cpu: cpu !== null && 'plan' in cpu ? cpu.plan : null,
    classProblem: classProblem(vm, vmClass, cpu),
    sizingProblem: sizingProblem(vm, vmClass),
    devices: ready,
    devicesProblem: problem,
    known,
    bootProblem: bootProblem(ready),
    userData: 'userData' in provisioning ? provisioning.userData : null,
    provisioningProblem: 'problem' in provisioning ? provisioning.problem : null,
    hostProblem: hostProblem(vm, vmClass, deps.facts) ?? deps.networkProblem(),
    bindingProblem: deps.standing.mayStart(vm.metadata.uid),
    // Where a scheduler has put it, labels and taints are its affair.
    placementProblem: isBound(vm) ? null : placementProblem(vm, vmClass, deps),
  }
}

function classProblem(
  vm: VirtualMachine,
  vmClass: VirtualMachineClass | null,
  cpu: ReturnType<typeof cpuOf> | null,
): string | null {
  if (vmClass === null) return `the VirtualMachineClass ${vm.spec.virtualMachineClassName} does not exist`
  if (cpu !== null && 'refused' in cpu) return `the VirtualMachineClass ${vmClass.metadata.name}: ${cpu.refused}`
  return null
}

function sizingProblem(vm: VirtualMachine, vmClass: VirtualMachineClass | null): Dependencies['sizingProblem'] {
  if (vmClass === null)
    return {
      reason: 'VirtualMachineClassNotFound',
      message: `the VirtualMachineClass ${vm.spec.virtualMachineClassName} does not exist`,
    }
  const { name } = vmClass.metadata
  const problems = sizingProblems(vm.spec, name, vmClass.spec)
  return problems.length === 0 ? null : { reason: 'SizingPolicyNotMatched', message: sizingMessage(problems, name) }
}

/** DVP: a cloud image is read-only and cannot be the first device; an ISO can. */
function bootProblem(devices: readonly Device[]): string | null {
  const first = [...devices].sort((a, b) => (a.bootOrder ?? Infinity) - (b.bootOrder ?? Infinity))[0]
  if (first === undefined || !first.volume.readonly || first.volume.cdrom) return null
  return `${first.kind} ${first.name} is first to boot, but it is a read-only image that is no ISO; make a VirtualDisk from it`
}

function resolveProvisioning(
  vm: VirtualMachine,
  reader: Reader,
): { readonly userData: string | null } | { readonly problem: string } {
  const provisioning = vm.spec.provisioning
  if (provisioning === undefined) return { userData: null }
  if (provisioning.type === 'UserData') return { userData: provisioning.userData ?? '' }
  const name = provisioning.userDataRef?.name ?? ''
  const secret = reader.get<Secret>(SECRETS, { namespace: vm.metadata.namespace ?? '', name })
  if (secret === null) return { problem: `the Secret ${name} does not exist` }
  // DVP's key is `userData`; KubeVirt's spelling is met in the field as well.
  const data = secret.data?.userData ?? secret.data?.userdata
  if (data === undefined) return { problem: `the Secret ${name} has no key userData` }
  return { userData: Buffer.from(data, 'base64').toString('utf8') }
}

/** In words, why this host cannot run that VM at all; null when it can. */
export function hostProblem(vm: VirtualMachine, vmClass: VirtualMachineClass | null, facts: HostFacts): string | null {
  if ('refused' in facts.accelerator) return facts.accelerator.refused
  if (vm.spec.bootloader === 'EFI' && facts.efi === null)
    return 'this host has no UEFI firmware; install the package ovmf'
  if (needsTpm(vm.spec) && !facts.tpm)
    return 'this host has no TPM for guests, which the osType Windows needs; install the packages swtpm and swtpm-tools and restart berth-agent'
  const fraction = effectiveCoreFraction(vm.spec, vmClass?.spec ?? {})
  if (fraction !== '100%' && facts.cpuController === null)
    return `cpu.coreFraction ${fraction} cannot be guaranteed: this host has no cpu cgroup controller`
  return null
}

function placementProblem(
  vm: VirtualMachine,
  vmClass: VirtualMachineClass | null,
  deps: DependencyDeps,
): string | null {
  const node = deps.reader.get<Node>(NODES, { namespace: '', name: deps.facts.nodeName })
  if (node === null) return `the Node ${deps.facts.nodeName} is not known yet`
  const here = deps.reader.list<VirtualMachine>(VMS).filter((other) => runsHere(other, vm, deps.facts.nodeName))
  const reasons = fitsNode(vm, vmClass?.spec ?? {}, node, here)
  return reasons.length === 0 ? null : reasons.join('; ')
}

const runsHere = (other: VirtualMachine, vm: KubeObject, nodeName: string): boolean =>
  other.metadata.uid !== vm.metadata.uid &&
  other.status?.nodeName === nodeName &&
  ['Running', 'Starting', 'Stopping', 'Pause', 'Migrating'].includes(other.status?.phase ?? '')

/** The VM as it is to run: with the share that its class gives when it names none. */
export function effective(vm: VirtualMachine, { coreFraction }: Dependencies): VirtualMachine {
  return { ...vm, spec: { ...vm.spec, cpu: { ...vm.spec.cpu, coreFraction } } }
}
