// VMs that must not be near each other: by the VM's own terms, and by those of VMs that have a place already.
import { type Cluster, compare } from '../cluster.ts'
import { titleOf, type VmFacts } from '../facts.ts'
import { type Check, type Filter, LazyRefusal } from '../filter.ts'
import type { Held, Host } from '../host.ts'
import { selectionOf } from '../terms.ts'
import type { Topology } from '../topology.ts'

const name = 'AntiAffinity'

/** VMs that keep the VM out of their domains. */
interface Ban {
  readonly topology: Topology
  readonly domains: Uint8Array
  readonly holders: ReadonlyMap<Host, ReadonlySet<Held>>
  /** The VM's own term, or theirs. */
  readonly own: boolean
}

export const ANTI_AFFINITY: Filter = {
  name,
  prepare({ vm }, cluster) {
    const bans = [...ownBans(vm, cluster), ...othersBans(vm, cluster)]
    if (bans.length === 0) return null
    const [only] = bans
    return bans.length === 1 && only !== undefined ? checkOf(only) : anyOf(bans.map(checkOf))
  },
}

const anyOf =
  (checks: readonly Check[]): Check =>
  (host) => {
    for (const check of checks) {
      const refusal = check(host)
      if (refusal !== null) return refusal
    }
    return null
  }

function ownBans(vm: VmFacts, cluster: Cluster): readonly Ban[] {
  return vm.apart.flatMap((term) => {
    const spec = selectionOf(vm, term)
    if (spec === null) return []
    return banOf(cluster.topology(term.topologyKey), cluster.selection(spec).members, true)
  })
}

const othersBans = (vm: VmFacts, cluster: Cluster): readonly Ban[] =>
  cluster
    .selectionsWith(vm)
    .flatMap(({ banners }) =>
      [...banners].flatMap(([topologyKey, holders]) => banOf(cluster.topology(topologyKey), holders, false)),
    )

function banOf(topology: Topology, holders: Ban['holders'], own: boolean): readonly Ban[] {
  if (holders.size === 0) return []
  const domains = new Uint8Array(topology.size)
  for (const host of holders.keys()) {
    const domain = topology.domainOf(host)
    if (domain >= 0) domains[domain] = 1
  }
  return [{ topology, domains, holders, own }]
}

function checkOf(ban: Ban): Check {
  const { topology, domains, own } = ban
  const group = own
    ? 'with a VM that it must not be near (required anti-affinity)'
    : 'with a VM that must not be near it (its required anti-affinity)'
  return (host) => {
    const domain = topology.domainOf(host)
    if (domain < 0 || domains[domain] === 0) return null
    return new LazyRefusal(name, group, () => wordsOf(ban, domain), true)
  }
}

function wordsOf({ topology, holders, own }: Ban, domain: number): string {
  const where =
    topology.key === 'kubernetes.io/hostname' ? 'on the node' : `in ${topology.key}=${topology.values[domain]}`
  const titles = [...holders]
    .filter(([host]) => topology.domainOf(host) === domain)
    .flatMap(([, all]) => [...all].map(({ vm }) => titleOf(vm)))
  const [other = 'another VM'] = titles.sort(compare)
  return own
    ? `the VM must not be near ${other}, which is ${where} (required anti-affinity)`
    : `${other} is ${where} and must not be near the VM (its required anti-affinity)`
}
