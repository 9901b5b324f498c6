// What a score is: one wish about where a VM should be, as a share of its weight.
import type { Ask, NodeFacts } from './facts.ts'
import type { Scene } from './scene.ts'
import type { Shape } from './shape.ts'

export type ScoreName = 'balance' | 'spread' | 'neighbours' | 'nodeAffinity' | 'taints' | 'image' | 'stay'

/** What each wish counts. The one place for weights. */
export const WEIGHTS: Readonly<Record<ScoreName, number>> = {
  /** Hosts with much free of CPU and memory, in equal shares. */
  balance: 1,
  /** Domains with few of the VMs that topologySpreadConstraints counts. */
  spread: 2,
  /** Preferred affinity and anti-affinity, of both sides. */
  neighbours: 2,
  /** Preferred node affinity. */
  nodeAffinity: 2,
  /** Hosts without taints PreferNoSchedule that the VM does not tolerate. */
  taints: 3,
  /** Hosts that have the images of the VM's disks. */
  image: 1,
  /** The host where the VM or its disks are. */
  stay: 2,
}

/** How much the host with a slot is wished for. */
export type Wish = (slot: number) => number

/** A wish about where other VMs are, or about the request. */
export interface Score {
  readonly name: ScoreName
  readonly ofHost?: undefined
  /**
   * `share`: the wish is from 0 to 1 already. `compare`: it is any number, and becomes its place between the least and the most of all hosts
   * that are fit.
   */
  readonly scale: 'share' | 'compare'
  /** Reads what all hosts are wished for by, and holds it. Null: nothing is. */
  prepare(ask: Ask, scene: Scene): Wish | null
}

/** A wish about what is left of a host, from 0 to 1: the host's own facts and its VMs' amounts decide alone, for VMs of one shape alike. */
export interface HostScore {
  readonly name: ScoreName
  readonly ofHost: true
  prepare(shape: Shape, scene: Scene): Wish | null
}

/** A wish about the host's own facts, from 0 to 1: for VMs of one shape the same until these facts change. */
export interface NodeScore {
  readonly name: ScoreName
  /** Null: nothing is wished for by it. `hosts`: all. */
  judge(shape: Shape, hosts: readonly NodeFacts[]): ((facts: NodeFacts) => number) | null
}
