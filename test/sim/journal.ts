// The log of a run: what the scheduler decided, as its store tells, and what happened at the hosts. One line per event.
import type { Condition, KubeObject } from '../../lib/object.ts'
import type { Change } from '../../lib/store/store.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type MigrationRecord,
  type Node,
  type Placement,
} from '../../schemas/index.ts'
import { CLUSTER_IMAGES, DISKS, EVENTS, IMAGES, NODES, VM_OPERATIONS, VMS } from '../../schemas/resources.ts'
import type { Timeline } from './time.ts'

/** Resources whose status is told. Disks and images tell their places and phases only. */
const TOLD: ReadonlySet<string> = new Set([VMS, VM_OPERATIONS, NODES, DISKS, IMAGES, CLUSTER_IMAGES])

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g

const GENERATED = /\b((?:evacuation|nodeplacement-update|rebalance)-[\w-]+)-[a-z0-9]{5}\b/g

export class Journal {
  readonly #timeline: Timeline
  readonly #lines: string[] = []
  readonly #ids = new Map<string, string>()

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  get lines(): readonly string[] {
    return this.#lines
  }

  say(who: string, words: string): void {
    const seconds = Math.floor(this.#timeline.now / 1000)
    // Of generated names the readable part.
    const readable = words.replaceAll(UUID, (id) => this.#idOf(id)).replaceAll(GENERATED, '$1')
    this.#lines.push(`${String(seconds).padStart(6)} ${who.padEnd(10)} ${readable}`.trimEnd())
  }

  /** Which of them, in the order in which they are told of. */
  #idOf(id: string): string {
    const known = this.#ids.get(id) ?? `uid-${this.#ids.size + 1}`
    this.#ids.set(id, known)
    return known
  }

  /** Tells what a commit of the scheduler's store changes for people. */
  tell(who: string, change: Change): void {
    const { resource } = change.type === 'put' ? change.entry.key : change.key
    const after = change.type === 'put' ? change.entry.value : null
    const before = change.previous
    if (resource === EVENTS) {
      if (after !== null) this.#event(who, after, before)
    } else if (TOLD.has(resource)) {
      for (const words of changesOf(resource, before, after)) this.say(who, words)
    }
  }

  #event(who: string, event: KubeObject, before: KubeObject | null): void {
    const { involvedObject, reason, message } = event as KubeObject & {
      readonly involvedObject: { readonly name?: string }
      readonly reason?: string
      readonly message?: string
    }
    if (before !== null) return
    this.say(who, `event of ${involvedObject.name}: ${reason}, ${message}`)
  }
}

/** In words, what became another in an object. */
function changesOf(resource: string, before: KubeObject | null, after: KubeObject | null): readonly string[] {
  const name = (after ?? before)?.metadata.name ?? ''
  const title = resource === NODES ? `node ${name}` : resource === VMS ? name : `${(after ?? before)?.kind} ${name}`
  if (after === null) return [`${title} is gone`]
  const deleting =
    before?.metadata.deletionTimestamp === undefined && after.metadata.deletionTimestamp !== undefined
      ? [`${title} is being deleted`]
      : []
  return [
    ...deleting,
    ...placements(title, before, after),
    ...moves(title, before, after),
    ...phases(title, before, after),
    ...(resource === NODES ? nodeWords(title, before, after) : []),
    ...conditions(title, before, after),
  ]
}

const words = ({ node, epoch }: Placement): string => `${node} (epoch ${epoch})`

function placements(title: string, before: KubeObject | null, after: KubeObject): readonly string[] {
  const [old, now] = [clusterStatusOf<ClusterVmStatus>(before), clusterStatusOf<ClusterVmStatus>(after)]
  const left = (old.leaving ?? []).filter((one) => !(now.leaving ?? []).some((other) => words(one) === words(other)))
  const leaves = (now.leaving ?? []).filter((one) => !(old.leaving ?? []).some((other) => words(one) === words(other)))
  const moved =
    now.placement === undefined
      ? old.placement === undefined
        ? []
        : [`${title} has no host any more`]
      : old.placement !== undefined && words(old.placement) === words(now.placement)
        ? []
        : [`${title} -> ${words(now.placement)}`]
  return [
    ...left.map((one) => `${title} has left ${words(one)}`),
    ...moved,
    ...leaves.map((one) => `${title} is leaving ${words(one)}`),
  ]
}

function moves(title: string, before: KubeObject | null, after: KubeObject): readonly string[] {
  const [old, now] = [
    clusterStatusOf<ClusterVmStatus>(before).migration,
    clusterStatusOf<ClusterVmStatus>(after).migration,
  ]
  if (now === undefined) return []
  const told = (record: MigrationRecord | undefined) =>
    record === undefined
      ? ''
      : [record.phase, record.cancel && 'cancelled', record.resolution, record.reason, record.message]
          .filter(Boolean)
          .join(', ')
  return told(old) === told(now) && old?.id === now.id ? [] : [`${title} moves ${now.from} -> ${now.to}: ${told(now)}`]
}

const statusOf = (object: KubeObject | null) =>
  (object?.status ?? {}) as { readonly phase?: string; readonly conditions?: readonly Condition[] }

function phases(title: string, before: KubeObject | null, after: KubeObject): readonly string[] {
  const phase = statusOf(after).phase
  // A disk is ready in a moment here.
  if (after.kind === 'VirtualDisk' && phase !== 'Failed' && phase !== 'PVCLost') return []
  return phase === undefined || phase === statusOf(before).phase ? [] : [`${title} is ${phase}`]
}

function nodeWords(title: string, before: KubeObject | null, after: KubeObject): readonly string[] {
  const [old, now] = [(before as Node | null)?.spec, (after as Node).spec]
  const cordon =
    (old?.unschedulable ?? false) === (now?.unschedulable ?? false)
      ? []
      : [now?.unschedulable ? `${title} is cordoned` : `${title} is uncordoned`]
  const taints = (spec: Node['spec']) =>
    (spec?.taints ?? []).map(({ key, value, effect }) => `${key}=${value ?? ''}:${effect}`).join(' ')
  return [...cordon, ...(taints(old) === taints(now) ? [] : [`${title} has the taints ${taints(now) || 'none'}`])]
}

function conditions(title: string, before: KubeObject | null, after: KubeObject): readonly string[] {
  const told = ({ type, status, reason, message }: Condition) =>
    `${type}=${status} ${reason}${message === '' ? '' : `: ${message}`}`
  const old = new Set((statusOf(before).conditions ?? []).map(told))
  // What a phase says already is left out, and what is said of a disk beside its machine.
  if (after.kind === 'VirtualDisk') return []
  return (statusOf(after).conditions ?? []).flatMap((one) =>
    old.has(told(one)) || (one.type === 'Running' && one.message === '') ? [] : [`${title} ${told(one)}`],
  )
}
