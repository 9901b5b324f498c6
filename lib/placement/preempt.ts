// Room by priority: the host where the fewest and least important VMs must go so that a more important one fits.
import type { Cluster } from './cluster.ts'
import { withoutItself } from './decide.ts'
import { type Ask, titleOf, type VmFacts } from './facts.ts'
import type { Refusal, Rule } from './filter.ts'
import type { KnownHost } from './host.ts'
import { compare } from './order.ts'
import { rulesOf } from './question.ts'
import { counted } from './words.ts'

export interface Preemption {
  readonly node: string
  /** Without any one of them the VM would not fit. The least important first. */
  readonly victims: readonly VmFacts[]
  /** `on h2, 1 VM of lower priority than 100 makes room: default/batch (priority 0)` */
  readonly message: string
}

export interface NoPreemption {
  readonly node: null
  readonly message: string
}

/** Hosts with room to be had are compared until this is spent; those with the least important VMs come first. */
const BUDGET = 100
/** What one costs by sums, and by trying. */
const COST = { sums: 1, trying: 6 } as const

/**
 * Whose place a VM that fits nowhere may take. Changes nothing: the one who asks ends the victims, releases them and places the VM.
 * Only what victims can help with is helped: amounts, devices, anti-affinity and spread.
 */
export function preempt(cluster: Cluster, ask: Ask): Preemption | NoPreemption {
  const { vm } = ask
  if (!vm.preempts) return { node: null, message: "its PriorityClass takes nobody's place (preemptionPolicy Never)" }
  return withoutItself(cluster, ask, () => {
    const options = optionsOf(cluster, ask)
    const [best] = options.sort(byHarm)
    if (best !== undefined) return { ...best, message: wordsOf(best, vm) }
    return { node: null, message: `no node would have room without VMs of lower priority than ${vm.priority}` }
  })
}

type Option = Pick<Preemption, 'node' | 'victims'>

function optionsOf(cluster: Cluster, ask: Ask): Option[] {
  const { vm } = ask
  const rules = rulesOf(cluster, ask)
  const options: Option[] = []
  let budget = BUDGET
  for (const host of mostHopeful(cluster.hosts, vm, rules)) {
    if (budget <= 0) break
    const way = isPlain(vm) && reasons(rules, host).every(isAmount) ? 'sums' : 'trying'
    const option = way === 'sums' ? victimsByAmounts(vm, host) : victimsOn(cluster, ask, host)
    if (option === null) continue
    options.push(option)
    budget -= COST[way]
  }
  return options
}

const lowerOn = (host: KnownHost, { priority }: VmFacts): readonly VmFacts[] =>
  [...host.held.values()].flatMap(({ vm }) => (vm.priority < priority ? [vm] : []))

/** Nothing but what fewer VMs could cure is against the host, and all lower ones together are enough by the amounts. */
function mayHelp(host: KnownHost, vm: VmFacts, rules: readonly Rule[]): boolean {
  if (!host.hasLowerThan(vm.priority)) return false
  if (reasons(rules, host).some(({ curable }) => curable !== true)) return false
  const { facts } = host
  const lower = lowerOn(host, vm)
  const sum = (amount: (of: VmFacts) => number) => lower.reduce((total, each) => total + amount(each), 0)
  const left = (used: number, asked: number, all: number) => asked === 0 || used + asked <= all
  return (
    left(host.usedMilliCpu - sum(({ milliCpu }) => milliCpu), vm.milliCpu, facts.milliCpu) &&
    left(host.usedMemoryBytes - sum(({ memoryBytes }) => memoryBytes), vm.memoryBytes, facts.memoryBytes)
  )
}

function mostHopeful(hosts: readonly KnownHost[], vm: VmFacts, rules: readonly Rule[]): readonly KnownHost[] {
  return hosts
    .filter((host) => mayHelp(host, vm, rules))
    .map((host) => ({ host, least: Math.min(...lowerOn(host, vm).map(({ priority }) => priority)) }))
    .sort((a, b) => a.least - b.least || compare(a.host.name, b.host.name))
    .map(({ host }) => host)
}

/** Whether where others are can speak for a host as well as against it. */
const isPlain = ({ near, spread }: VmFacts): boolean => near.length + spread.length === 0

const isAmount = ({ filter }: Refusal): boolean => filter === 'Cpu' || filter === 'Memory'

const reasons = (rules: readonly Rule[], { slot }: KnownHost): readonly Refusal[] =>
  rules.flatMap((rule) => (rule.fits(slot) ? [] : rule.why(slot)))

/** Where only CPU and memory are short, sums tell the same as trying, a hundred times faster. */
function victimsByAmounts(vm: VmFacts, host: KnownHost): Option | null {
  const options = ([1, -1] as const).flatMap((sign) => {
    const lower = spareOrder(host, vm, sign)
    let milliCpu = host.facts.milliCpu - host.usedMilliCpu - vm.milliCpu
    let memoryBytes = host.facts.memoryBytes - host.usedMemoryBytes - vm.memoryBytes
    for (const each of lower) {
      milliCpu += each.milliCpu
      memoryBytes += each.memoryBytes
    }
    // A VM that asks for none of it does not mind that it is overbooked.
    const isShort = () => (vm.milliCpu > 0 && milliCpu < 0) || (vm.memoryBytes > 0 && memoryBytes < 0)
    if (isShort()) return []
    const victims = lower.filter((each) => {
      milliCpu -= each.milliCpu
      memoryBytes -= each.memoryBytes
      if (!isShort()) return false
      milliCpu += each.milliCpu
      memoryBytes += each.memoryBytes
      return true
    })
    return [{ node: host.name, victims: victims.reverse() }]
  })
  return options.sort(byHarm)[0] ?? null
}

/** The most important first; among equals small ones first, or big ones. */
const spareOrder = (host: KnownHost, vm: VmFacts, sign: 1 | -1): readonly VmFacts[] =>
  lowerOn(host, vm).toSorted(
    (a, b) =>
      b.priority - a.priority ||
      sign * (a.memoryBytes - b.memoryBytes) ||
      sign * (a.milliCpu - b.milliCpu) ||
      byTitle(a, b),
  )

/** The better of two ways to spare as many as can be: small ones first, and big ones first. Null when even all together do not help. */
function victimsOn(cluster: Cluster, ask: Ask, host: KnownHost): Option | null {
  const bySize = (sign: 1 | -1) => spare(cluster, ask, host, sign)
  const options = [bySize(1), bySize(-1)].flatMap((option) => option ?? [])
  return options.sort(byHarm)[0] ?? null
}

/** Takes all lower ones away, and lets each stay that leaves the VM fit, the most important first. */
const spare = (cluster: Cluster, ask: Ask, host: KnownHost, sign: 1 | -1): Option | null =>
  cluster.whatIf(() => {
    const fits = () => rulesOf(cluster, ask).every((rule) => rule.fits(host.slot))
    const lower = spareOrder(host, ask.vm, sign)
    for (const { uid } of lower) cluster.release(uid, host.name)
    if (!fits()) return null
    const victims = lower.filter((vm) => {
      cluster.alsoPlace(vm, host.name)
      if (fits()) return false
      cluster.release(vm.uid, host.name)
      return true
    })
    // Who was spared early may have made a later one a victim, never the other way round: the set is as small as it can be.
    return { node: host.name, victims: victims.reverse() }
  })

const byTitle = (a: VmFacts, b: VmFacts): number =>
  compare(a.namespace, b.namespace) || compare(a.name, b.name) || compare(a.uid, b.uid)

/** Least harm first: the most important victim, then how many, then how important together, how big, and the host's name. */
function byHarm(a: Option, b: Option): number {
  const most = ({ victims }: Option) => Math.max(...victims.map(({ priority }) => priority))
  const sum = ({ victims }: Option, amount: (vm: VmFacts) => number) =>
    victims.reduce((total, vm) => total + amount(vm), 0)
  return (
    most(a) - most(b) ||
    a.victims.length - b.victims.length ||
    sum(a, ({ priority }) => priority) - sum(b, ({ priority }) => priority) ||
    sum(a, ({ memoryBytes }) => memoryBytes) - sum(b, ({ memoryBytes }) => memoryBytes) ||
    compare(a.node, b.node)
  )
}

function wordsOf({ node, victims }: Option, { priority }: VmFacts): string {
  if (victims.length === 0) return `${node} has room as it is`
  const named = victims.map((vm) => `${titleOf(vm)} (priority ${vm.priority})`).join(', ')
  const make = victims.length === 1 ? 'makes' : 'make'
  return `on ${node}, ${counted(victims.length, 'VM')} of lower priority than ${priority} ${make} room: ${named}`
}
