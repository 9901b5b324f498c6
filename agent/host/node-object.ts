/** What the agent says about its host in the Node object: labels and status. Pure. */
import { sizeWords } from '../../lib/placement/words.ts'
import { FIRST_ROLE, HOST_LABEL } from '../../schemas/core/node-columns.ts'
import { type NodeCpu, storedClass } from '../../schemas/index.ts'
import type { HostStorage } from '../storage/host-storage.ts'
import type { AcceleratorDecision } from './accelerator.ts'
import { allocatableOf, capacityOf } from './capacity.ts'
import type { CheckResult } from './checks/check.ts'
import { cpuLabels } from './cpu-features.ts'
import type { DomainCapabilities } from './domain-capabilities.ts'
import type { HostIdentity } from './identity.ts'
import type { Inventory } from './inventory.ts'
import type {
  CHECK_REASONS,
  LibvirtTroubleReason,
  NodeReady,
  NodeCondition as NodeSays,
  OverloadReason,
} from './node-conditions.ts'

export interface NodeFacts {
  readonly nodeName: string
  readonly berthVersion: string
  readonly identity: HostIdentity
  readonly inventory?: Inventory
  readonly accelerator: AcceleratorDecision
  readonly capabilities?: DomainCapabilities
  readonly cpuFeatures: readonly string[]
  /** libvirt's XML of the CPU that guests can have here; absent when libvirt does not tell. */
  readonly hostModel?: string
  readonly checks: readonly CheckResult[]
  /** Addresses of the host that others may reach it at. */
  readonly addresses: readonly string[]
  readonly cpuOvercommit: number
  /** Machines and files of Berth that the database does not know; absent when they were not looked for. */
  readonly strays?: readonly string[]
}

/** What the host has at this moment, and what is wrong with it. */
export interface NodeNow extends NodeTroubles {
  readonly storage: HostStorage
}

/** What is wrong with the host at this moment; null where nothing is. */
export interface NodeTroubles {
  readonly libvirt: { readonly reason: LibvirtTroubleReason; readonly message: string } | null
  /** In words, why there is no network for guests. */
  readonly network: string | null
  /** The agent does not keep up. */
  readonly overload: Overload | null
  /** The lease with the scheduler; null on a host without one. */
  readonly scheduler: SchedulerSeen | null
}

export type SchedulerSeen = Pick<Extract<NodeSays, { readonly type: 'SchedulerReachable' }>, 'status' | 'reason'> & {
  readonly message: string
}

export interface Overload {
  readonly reason: OverloadReason
  readonly message: string
}

export const NO_TROUBLES: NodeTroubles = { libvirt: null, network: null, overload: null, scheduler: null }
export const NOTHING_NOW: NodeNow = { ...NO_TROUBLES, storage: { freeBytes: null, classes: null, images: [] } }

export interface NodeCondition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: string
  readonly message: string
  readonly lastTransitionTime: string
}

/** Prefixes of the labels that the agent alone writes: of these, what is not found any more goes. */
const OWN_LABELS = /^(cpu-model|cpu-feature|cpu-vendor|host-model-cpu)\.node\.virtualization\.deckhouse\.io\//

/** The host's labels put over those that people gave the Node. */
export function nodeLabels(facts: NodeFacts, existing: Readonly<Record<string, string>> = {}): Record<string, string> {
  const foreign = Object.entries(existing).filter(([key]) => !OWN_LABELS.test(key))
  return {
    ...Object.fromEntries(foreign),
    [HOST_LABEL]: facts.nodeName,
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/os': 'linux',
    ...(facts.capabilities === undefined ? {} : cpuLabels(facts.capabilities, facts.cpuFeatures)),
  }
}

/** @param now RFC 3339; the transition time of conditions that changed against `previous` */
export function nodeStatus(
  facts: NodeFacts,
  now: string,
  previous: readonly NodeCondition[] = [],
  present: NodeNow = NOTHING_NOW,
) {
  const { identity, berthVersion, inventory } = facts
  const { freeBytes, classes, images } = present.storage
  return {
    capacity: capacityOf(identity),
    allocatable: allocatableOf(identity, facts.cpuOvercommit),
    conditions: nodeConditions(facts, now, previous, present),
    addresses: [
      ...facts.addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: facts.nodeName },
    ],
    nodeInfo: {
      architecture: 'amd64',
      operatingSystem: 'linux',
      bootID: identity.bootId,
      machineID: identity.machineId,
      systemUUID: identity.systemUuid,
      kernelVersion: identity.kernelVersion,
      osImage: identity.osImage,
      containerRuntimeVersion: '',
      kubeProxyVersion: '',
      kubeletVersion: berthVersion,
    },
    ...(inventory === undefined ? {} : { hardware: inventory }),
    images,
    berth: {
      storage: {
        ...(freeBytes === null ? {} : { freeBytes: String(freeBytes) }),
        ...(classes === null ? {} : { classes: classes.map(storedClass) }),
      },
      ...nodeCpu(facts),
    },
  }
}

function nodeCpu({ hostModel, accelerator }: NodeFacts): { readonly cpu?: NodeCpu } {
  return hostModel === undefined || !('use' in accelerator) ? {} : { cpu: { hostModel, accelerator: accelerator.use } }
}

/** The whole object of a host that has none yet. */
export function newNode(facts: NodeFacts, now: string) {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: facts.nodeName, labels: nodeLabels(facts, FIRST_ROLE) },
    spec: {},
    status: nodeStatus(facts, now),
  }
}

export function nodeConditions(
  facts: NodeFacts,
  now: string,
  previous: readonly NodeCondition[] = [],
  present: NodeNow = NOTHING_NOW,
): NodeCondition[] {
  const found = [
    readyCondition(facts, present),
    ...liveConditions(present),
    ...storageCondition(present.storage),
    ...strayCondition(facts),
    ...facts.checks.flatMap(checkCondition),
  ]
  return found.map((condition) => since(condition, now, previous))
}

/**
 * The conditions of a Node whose host cannot be looked at, because libvirt has not answered since the agent began: what an earlier agent
 * said of the hardware stays.
 */
export function nodeConditionsBlind(
  troubles: NodeTroubles,
  now: string,
  previous: readonly NodeCondition[],
): NodeCondition[] {
  const message = troubles.libvirt?.message ?? ''
  const found: readonly Live[] = [
    { type: 'Ready', status: 'False', reason: 'LibvirtNotReady', message },
    ...liveConditions(troubles).filter(({ type }) => type === 'LibvirtReady'),
  ]
  const others = previous.filter(({ type }) => !found.some((condition) => condition.type === type))
  return [...found.map((condition) => since(condition, now, previous)), ...others]
}

function since(condition: Finding, now: string, previous: readonly NodeCondition[]): NodeCondition {
  const before = previous.find(({ type }) => type === condition.type)
  const same = before !== undefined && before.status === condition.status
  return { ...condition, lastTransitionTime: same ? before.lastTransitionTime : now }
}

/** A slow libvirt is told and still ready. */
function liveConditions({ libvirt, network, overload, scheduler }: NodeTroubles): readonly Live[] {
  return [
    libvirtCondition(libvirt),
    network === null
      ? { type: 'NetworkUnavailable', status: 'False', reason: 'NetworkUp', message: '' }
      : { type: 'NetworkUnavailable', status: 'True', reason: 'NetworkDown', message: network },
    overload === null
      ? { type: 'Overloaded', status: 'False', reason: 'KeepsUp', message: '' }
      : { type: 'Overloaded', status: 'True', ...overload },
    ...(scheduler === null ? [] : [{ type: 'SchedulerReachable', ...scheduler } as Live]),
  ]
}

/** The first few say it; the agent's log has all. */
const MAX_STRAYS = 5

function strayCondition({ strays }: NodeFacts): readonly Live[] {
  const type = 'UnknownObjects'
  if (strays === undefined) return []
  if (strays.length === 0) return [{ type, status: 'False', reason: 'AllKnown', message: '' }]
  const more = strays.length > MAX_STRAYS ? ` and ${strays.length - MAX_STRAYS} more` : ''
  const message = `the database does not know ${strays.slice(0, MAX_STRAYS).join(', ')}${more}; they are left alone`
  return [{ type, status: 'True', reason: 'UnknownOnHost', message }]
}

/** Numbers are there for people; placement reads `status.berth`. */
function storageCondition({ classes }: HostStorage): readonly Live[] {
  const type = 'StorageReady'
  if (classes === null) return []
  const message = classes
    .map(({ name, problem, freeBytes, totalBytes }) =>
      problem === null
        ? `${name}: ${sizeWords(Number(freeBytes))} of ${sizeWords(Number(totalBytes))} free`
        : `${name}: ${problem}`,
    )
    .join('; ')
  return classes.some(({ problem }) => problem !== null)
    ? [{ type, status: 'False', reason: 'ClassNotUsable', message }]
    : [{ type, status: 'True', reason: 'ClassesUsable', message }]
}

function libvirtCondition(trouble: NodeTroubles['libvirt']): Live {
  const type = 'LibvirtReady'
  if (trouble === null) return { type, status: 'True', reason: 'LibvirtAnswers', message: '' }
  const { reason, message } = trouble
  return reason === 'LibvirtSlow'
    ? { type, status: 'True', reason, message }
    : { type, status: 'False', reason, message }
}

type Live = NodeSays & { readonly message: string }

type Finding = Omit<NodeCondition, 'lastTransitionTime'>

/** Ready says that VMs can be started here: libvirt answers and the accelerator is settled. */
function readyCondition(
  { accelerator, checks }: NodeFacts,
  { libvirt }: NodeTroubles,
): NodeReady & { readonly message: string } {
  if (libvirt !== null && libvirt.reason !== 'LibvirtSlow')
    return { type: 'Ready', status: 'False', reason: 'LibvirtNotReady', message: libvirt.message }
  const broken = checks.find(({ id, status }) => (id === 'libvirt' || id === 'qemu') && status === 'fail')
  if (broken !== undefined) {
    return { type: 'Ready', status: 'False', reason: 'LibvirtNotReady', message: broken.message }
  }
  if ('refused' in accelerator) {
    return { type: 'Ready', status: 'False', reason: 'NoAccelerator', message: accelerator.refused }
  }
  const reason = accelerator.use === 'kvm' ? 'AgentReady' : 'AgentReadyEmulated'
  return { type: 'Ready', status: 'True', reason, message: accelerator.message }
}

/** True when the check found all well, False when it did not, Unknown when the host does not tell. */
function checkCondition({ condition, status, unknown, message, reason }: CheckResult): Finding[] {
  if (condition === undefined) return []
  const holds = unknown ? 'Unknown' : status === 'ok' ? 'True' : 'False'
  const plain: keyof typeof CHECK_REASONS = REASONS[holds]
  return [{ type: condition, status: holds, reason: reason ?? plain, message }]
}

const REASONS = { True: 'CheckPassed', False: 'CheckFailed', Unknown: 'CheckInconclusive' } as const
