// What must be so when everything was whole again for long enough: nothing is lost, doubled, left over or still being decided.
import type { Node, VirtualMachine } from '../../schemas/index.ts'
import { type ClusterVmStatus, clusterStatusOf, openMigration } from '../../schemas/index.ts'
import { HOST_BINDINGS, NODES, VMS } from '../../schemas/resources.ts'
import type { Promised } from './deeds.ts'
import { isVm, needOf, takesRoom } from './host/admission.ts'
import type { SimHost } from './host/host.ts'
import { powerOf } from './host/objects.ts'
import type { World } from './world.ts'

const MIB = 1_048_576

/** In words, what is not as it must be. */
export function looksAtPeace(world: World, promised: ReadonlyMap<string, Promised>): readonly string[] {
  const process = world.scheduler()
  if (process === null) return ['there is no scheduler']
  const vms = process.reader.list<VirtualMachine>(VMS)
  const hosts = [...world.hosts.values()]
  const nodes = process.reader.list<Node>(NODES)
  return [
    ...[...promised].flatMap(([name, what]) => {
      const there = vms.some(({ metadata }) => metadata.name === name)
      if (what === 'there') return there ? [] : [`${name} is lost`]
      return what === 'gone' && there ? [`${name} is still there`] : []
    }),
    ...vms.flatMap((vm) => machineWords(vm, hosts, nodes)),
    ...hosts.flatMap((host) => strangers(host, vms)),
  ]
}

function machineWords(vm: VirtualMachine, hosts: readonly SimHost[], nodes: readonly Node[]): readonly string[] {
  const { name, uid } = vm.metadata
  const { placement, leaving = [], ...status } = clusterStatusOf<ClusterVmStatus>(vm)
  const places = hosts.filter(({ machine }) => machine.domain(uid) !== null)
  const words: string[] = []
  if (openMigration({ ...status }) !== null) words.push(`${name} is still on its way`)
  if (leaving.length > 0) words.push(`${name} is still leaving ${leaving.map(({ node }) => node).join(', ')}`)
  for (const { name: host, machine } of places) {
    if (host !== placement?.node)
      words.push(`${name} is on ${host}, and the scheduler has it on ${placement?.node ?? 'none'}`)
    if (machine.domain(uid)?.state !== 'running') words.push(`${name} is ${machine.domain(uid)?.state} on ${host}`)
  }
  if (!isToRun(vm, hosts)) return words
  if (places.length > 0) return words
  if (placement !== undefined) return [...words, `${name} is to run on ${placement.node}, and does not`]
  const fit = hosts.filter((host) => fits(vm, host, hosts, nodes)).map((host) => host.name)
  return fit.length === 0 ? words : [...words, `${name} has no host, and ${fit.join(', ')} could take it`]
}

/** By what its last host knew of its power. */
function isToRun({ metadata, spec, status }: VirtualMachine, hosts: readonly SimHost[]): boolean {
  if (spec.runPolicy === 'AlwaysOff' || spec.runPolicy === 'Manual') return false
  const copies = hosts.flatMap(({ disk }) => disk.object(VMS, metadata.uid) ?? [])
  const host = (
    status as { readonly berth?: { readonly host?: { readonly power?: { readonly marker?: string } } } } | undefined
  )?.berth?.host
  const markers = [...copies.map((copy) => powerOf(copy).marker), host?.power?.marker]
  return !markers.includes('Stopped')
}

/** Room and cordons alone: machines of random runs ask for nothing else. */
function fits(
  vm: VirtualMachine,
  { name, spec, disk, machine }: SimHost,
  _hosts: readonly SimHost[],
  nodes: readonly Node[],
): boolean {
  const node = nodes.find(({ metadata }) => metadata.name === name)
  if (node === undefined || node.spec?.unschedulable === true || !machine.powered) return false
  if (node.status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True') return false
  const need = needOf(vm)
  const held = disk
    .bindings()
    .filter(({ metadata }) => metadata.name !== vm.metadata.uid)
    .flatMap((binding) => {
      const copy = disk.object<VirtualMachine>(VMS, binding.metadata.name)
      return copy !== null && takesRoom(binding, powerOf(copy)) ? [needOf(copy)] : []
    })
  const cpu = held.reduce((sum, { milliCores }) => sum + milliCores, need.milliCores)
  const memory = held.reduce((sum, { memoryBytes }) => sum + memoryBytes, need.memoryBytes)
  return cpu <= spec.cores * 1000 && memory <= spec.memoryMiB * MIB
}

/** Guests and bindings of machines that nobody has. */
function strangers({ name, machine, disk }: SimHost, vms: readonly VirtualMachine[]): readonly string[] {
  const known = new Map(vms.map((vm) => [vm.metadata.uid, vm]))
  const domains = machine.domains().filter(({ uid }) => !known.has(uid))
  const bindings = disk.objects(HOST_BINDINGS) as ReturnType<typeof disk.bindings>
  return [
    ...domains.map((domain) => `${domain.name} runs on ${name} and was deleted`),
    ...bindings.flatMap((binding) => {
      const { role, subject } = binding.spec
      if (!isVm(binding) || role === 'Released') return []
      const vm = known.get(binding.metadata.name)
      if (vm === undefined) return [`${name} still has a binding of ${subject.name}, which was deleted`]
      // Room that nobody will ever use.
      return clusterStatusOf<ClusterVmStatus>(vm).placement?.node === name
        ? []
        : [`${name} still has a binding of ${subject.name} as ${role}, which is not there`]
    }),
  ]
}
