// What must be so when everything was whole again for long enough: nothing is lost, doubled, left over or still being decided.
import { getCondition } from '../../lib/conditions.ts'
import { groupOf } from '../../scheduler/controllers/virtualmachine/groups.ts'
import { placeOf } from '../../scheduler/mirror/mirror.ts'
import type { Node, VirtualDisk, VirtualMachine } from '../../schemas/index.ts'
import { type ClusterVmStatus, clusterStatusOf, openMigration } from '../../schemas/index.ts'
import { DISKS, HOST_BINDINGS, NODES, VMS } from '../../schemas/resources.ts'
import type { Promised } from './deeds.ts'
import { isVm, needOf, type Room, sumOf, takesRoom } from './host/admission.ts'
import type { SimHost } from './host/host.ts'
import { powerOf } from './host/objects.ts'
import type { World } from './world.ts'

const MIB = 1_048_576

/** In words, what is not as it must be. @param promised null: the store knows less than was promised, and hosts may know better */
export function looksAtPeace(world: World, promised: ReadonlyMap<string, Promised> | null): readonly string[] {
  const process = world.scheduler()
  if (process === null) return ['there is no scheduler']
  const all = process.reader.list<VirtualMachine>(VMS)
  const vms = promised === null ? all.filter((vm) => !isOlder(vm)) : all
  const hosts = [...world.hosts.values()]
  const facts: Facts = {
    hosts,
    nodes: process.reader.list<Node>(NODES),
    vms: all,
    disks: process.reader.list<VirtualDisk>(DISKS),
    isOld: promised === null,
  }
  return [
    ...[...(promised ?? [])].flatMap(([name, what]) => {
      const there = vms.some(({ metadata }) => metadata.name === name)
      if (what === 'there') return there ? [] : [`${name} is lost`]
      return what === 'gone' && there ? [`${name} is still there`] : []
    }),
    ...vms.flatMap((vm) => machineWords(vm, facts)),
    ...(promised === null ? [] : hosts.flatMap((host) => strangers(host, vms))),
  ]
}

interface Facts {
  readonly hosts: readonly SimHost[]
  readonly nodes: readonly Node[]
  readonly vms: readonly VirtualMachine[]
  readonly disks: readonly VirtualDisk[]
  /** The store knows less than hosts: a machine may wait for good, where it says for what, and what helps. */
  readonly isOld: boolean
}

/** A disk that moved since, which a person takes up; one that was deleted since, and is never made anew. */
const FOR_GOOD = /--rebuild --missing|was made once, and is gone/

/** The scheduler says that a host knows better, and leaves it alone. */
const isOlder = ({ status }: VirtualMachine): boolean =>
  getCondition(status?.conditions, 'Running')?.reason === 'StaleEpoch'

function machineWords(vm: VirtualMachine, facts: Facts): readonly string[] {
  const { hosts } = facts
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
  if (facts.isOld && FOR_GOOD.test(getCondition(vm.status?.conditions, 'Running')?.message ?? '')) return words
  if (placement !== undefined) {
    const own = hosts.filter(({ name: host }) => host === placement.node)
    return placement.idle === true && !fits([vm], { ...facts, hosts: own })
      ? words
      : [...words, `${name} is to run on ${placement.node}, and does not`]
  }
  const group = groupOf(vm)
  const mates = facts.vms.filter((one) => group !== null && groupOf(one)?.name === group.name && isToRun(one, hosts))
  const waiting = group === null ? [vm] : mates.filter((one) => placeOf(one) === null)
  const isWhole = group === null || mates.length >= group.size
  return isWhole && fits(waiting, facts) ? [...words, `${name} has no host, and could have one`] : words
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

/** Whether all of them fit at once: by room, cordons, and where a disk that was left behind lies; machines of random runs ask for nothing else. */
function fits(vms: readonly VirtualMachine[], facts: Facts): boolean {
  const uids = new Set(vms.map(({ metadata }) => metadata.uid))
  const free = facts.hosts
    .filter((host) => takes(host, facts.nodes))
    .map((host) => ({ host, room: freeOf(host, uids) }))
  return fitIn(
    vms.map((vm) => ({ need: needOf(vm), holders: holdersOf(vm, facts) })),
    free,
  )
}

/** Hosts that have a disk of the machine which others do not reach; empty when there is none yet. */
function holdersOf({ spec, metadata }: VirtualMachine, { hosts, disks }: Facts): readonly SimHost[] {
  const names = (spec.blockDeviceRefs ?? []).flatMap(({ kind, name }) => (kind === 'VirtualDisk' ? [name] : []))
  const local = disks.filter((disk) => disk.spec.persistentVolumeClaim?.storageClassName !== 'shared')
  const own = local.filter(
    (disk) => disk.metadata.namespace === metadata.namespace && names.includes(disk.metadata.name),
  )
  return hosts.filter(({ disk }) => own.some(({ metadata: { uid } }) => disk.files.has(uid)))
}

interface Wanted {
  readonly need: Room
  readonly holders: readonly SimHost[]
}

function fitIn(
  [wanted, ...rest]: readonly Wanted[],
  free: readonly { readonly host: SimHost; readonly room: Room }[],
): boolean {
  if (wanted === undefined) return true
  const { need, holders } = wanted
  return free.some(({ host, room: { milliCores, memoryBytes } }, place) => {
    if (holders.length > 0 && !holders.includes(host)) return false
    const room = { milliCores: milliCores - need.milliCores, memoryBytes: memoryBytes - need.memoryBytes }
    return room.milliCores >= 0 && room.memoryBytes >= 0 && fitIn(rest, free.with(place, { host, room }))
  })
}

function takes({ name, machine }: SimHost, nodes: readonly Node[]): boolean {
  const node = nodes.find(({ metadata }) => metadata.name === name)
  if (node === undefined || node.spec?.unschedulable === true || !machine.powered) return false
  return getCondition(node.status?.conditions, 'Ready')?.status === 'True'
}

/** Beside all machines but these. */
function freeOf({ spec, disk }: SimHost, uids: ReadonlySet<string>): Room {
  const held = disk.bindings().flatMap((binding) => {
    const copy = disk.object<VirtualMachine>(VMS, binding.metadata.name)
    return copy !== null && !uids.has(copy.metadata.uid) && takesRoom(binding, powerOf(copy)) ? [needOf(copy)] : []
  })
  const taken = sumOf(held)
  return {
    milliCores: spec.cores * 1000 - taken.milliCores,
    memoryBytes: spec.memoryMiB * MIB - taken.memoryBytes,
  }
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
