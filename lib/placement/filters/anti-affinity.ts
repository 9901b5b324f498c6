// VMs that must not be near each other: by the VM's own terms, and by those of VMs that have a place already.
import { titleOf, type VmFacts } from '../facts.ts'
import { allOf, type Filter, type Rule, refuse } from '../filter.ts'
import type { Host } from '../host.ts'
import { compare } from '../order.ts'
import type { Scene } from '../scene.ts'
import type { Held } from '../selections.ts'
import { selectionOf } from '../terms.ts'
import type { Topology } from '../topology.ts'

const name = 'AntiAffinity'

type Holders = ReadonlyMap<Host, ReadonlySet<Held>>

export const ANTI_AFFINITY: Filter = {
  name,
  prepare: ({ vm }, scene) => allOf([...ownBans(vm, scene), ...othersBans(vm, scene)]),
}

function ownBans(vm: VmFacts, scene: Scene): readonly Rule[] {
  return vm.apart.flatMap((term) => {
    const spec = selectionOf(vm, term)
    if (spec === null) return []
    return banOf(scene.topology(term.topologyKey), scene.selection(spec).members, OWN)
  })
}

const othersBans = (vm: VmFacts, scene: Scene): readonly Rule[] =>
  scene
    .selectionsWith(vm)
    .flatMap(({ banners }) =>
      [...banners].flatMap(([topologyKey, holders]) => banOf(scene.topology(topologyKey), holders, THEIRS)),
    )

/** Keeps the VM out of the domains of those that hold the ban. */
function banOf(topology: Topology, holders: Holders, { group, words }: Side): readonly Rule[] {
  if (holders.size === 0) return []
  const named = firstsOf(topology, holders)
  const banned = new Uint8Array(topology.size)
  for (const domain of named.keys()) banned[domain] = 1
  return [
    {
      fits: (slot) => banned[topology.domainOf(slot)] !== 1,
      why: (slot) => {
        const domain = topology.domainOf(slot)
        const other = named.get(domain)
        const where =
          topology.key === 'kubernetes.io/hostname' ? 'on the node' : `in ${topology.key}=${topology.values[domain]}`
        return refuse(name, group, words(other === undefined ? 'another VM' : titleOf(other), where), true)
      },
    },
  ]
}

/** By domain the VM that is named in words: of the first host there the first VM, both by name. */
function firstsOf(topology: Topology, holders: Holders): ReadonlyMap<number, VmFacts> {
  const hosts = new Map<number, Host>()
  for (const host of holders.keys()) {
    const domain = topology.domainOf(host.slot)
    if (domain >= 0 && host.slot < (hosts.get(domain)?.slot ?? Infinity)) hosts.set(domain, host)
  }
  const firsts = new Map<number, VmFacts>()
  for (const [domain, host] of hosts)
    for (const { vm } of holders.get(host) ?? []) if (isBefore(vm, firsts.get(domain))) firsts.set(domain, vm)
  return firsts
}

const isBefore = (vm: VmFacts, other: VmFacts | undefined): boolean =>
  other === undefined || (compare(vm.namespace, other.namespace) || compare(vm.name, other.name)) < 0

/** Whose term it is. */
interface Side {
  readonly group: string
  readonly words: (other: string, where: string) => string
}

const OWN: Side = {
  group: 'with a VM that it must not be near (required anti-affinity)',
  words: (other, where) => `the VM must not be near ${other}, which is ${where} (required anti-affinity)`,
}

const THEIRS: Side = {
  group: 'with a VM that must not be near it (its required anti-affinity)',
  words: (other, where) => `${other} is ${where} and must not be near the VM (its required anti-affinity)`,
}
