// One round over machines that wait for a host: the first in line first, groups as a whole, each decision counted at once, and committed
// beside the next ones.
import type { Clock } from '../../../lib/clock.ts'
import { fromKey, nameOf, toKey } from '../../../lib/object.ts'
import { type Ask, decide, decideGroup, type VmFacts } from '../../../lib/placement/index.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { VMS } from '../../../schemas/resources.ts'
import type { RefusedBinding } from '../../binder/refusals.ts'
import { factsOf } from '../../placement/facts.ts'
import { before, type Waiting } from '../../placement/priorities.ts'
import { type GroupOf, groupOf } from './groups.ts'
import { type RingDeps, Rings } from './rings.ts'
import { type WaitReason, waitReasonOf } from './waits.ts'

export interface RoundDeps extends RingDeps {
  readonly clock: Clock
  readonly refusals: (uid: string) => readonly RefusedBinding[]
  /** Stores the decision; it is taken back when that fails. */
  readonly commit: (vm: VirtualMachine, chosen: { readonly node: string; readonly message: string }) => Promise<void>
  /** It found no host. */
  readonly refuse: (vm: VirtualMachine, message: string, reason: WaitReason) => Promise<void>
  /** Makes room for it, when it may; null when that would not help either. In words, what was done. */
  readonly preempt: (vm: VirtualMachine, ask: Ask) => Promise<string | null>
  /** Hears how long a search took, in milliseconds. */
  readonly searched: (ms: number) => void
}

/** Commits under way at the same time: they share the store's writes. */
const COMMITS = 64
/** Decisions in one go; others have their turn in between. */
const SLICE_MS = 10

export async function runRound(keys: readonly string[], deps: RoundDeps, signal: AbortSignal): Promise<void> {
  const { reader, priorityOf, isPending, clock } = deps
  const line = keys
    .flatMap((key): Waiting[] => {
      const vm = reader.get<VirtualMachine>(VMS, fromKey(key))
      return vm === null || !isPending(vm) ? [] : [{ vm, priority: priorityOf(vm).priority }]
    })
    .sort(before)
  const work = new Commits()
  const seen = new Set<string>()
  /** What was refused, by what was asked for: within a round there is only less room. */
  const refused = new Map<string, RefusedAlike>()
  const rings = new Rings(deps)
  let sliceEnds = clock.monotonic() + SLICE_MS
  for (const { vm } of line) {
    if (signal.aborted) break
    if (seen.has(toKey(nameOf(vm)))) continue
    const group = groupOf(vm)
    const members = group === null ? [vm] : line.map((each) => each.vm).filter((each) => isSame(groupOf(each), group))
    for (const member of members) seen.add(toKey(nameOf(member)))
    if (group === null) await tryOne(vm, deps, { refused, rings, work })
    else await tryGroup(members, group, deps, work)
    if (work.size >= COMMITS) await work.someDone()
    if (clock.monotonic() >= sliceEnds) {
      await new Promise((resolve) => setImmediate(resolve))
      sliceEnds = clock.monotonic() + SLICE_MS
    }
  }
  await work.allDone()
}

const isSame = (a: GroupOf | null, b: GroupOf): boolean =>
  a !== null && a.name === b.name && a.namespace === b.namespace

function askOf(vm: VirtualMachine, { reader, priorityOf, refusals }: RoundDeps): Ask {
  const facts = factsOf(vm, reader, priorityOf(vm))
  const not = new Map(refusals(vm.metadata.uid).map(({ node, message }) => [node, `it refused just now: ${message}`]))
  return { vm: facts, ...(not.size === 0 ? {} : { not }) }
}

interface RefusedAlike {
  readonly message: string
  readonly reason: WaitReason
}

function timed<T>({ clock, searched }: RoundDeps, search: () => T): T {
  const began = clock.monotonic()
  const found = search()
  searched(clock.monotonic() - began)
  return found
}

interface Round {
  readonly refused: Map<string, RefusedAlike>
  readonly rings: Rings
  readonly work: Commits
}

async function tryOne(vm: VirtualMachine, deps: RoundDeps, { refused, rings, work }: Round): Promise<void> {
  const ask = askOf(vm, deps)
  const sign = signOf(ask)
  const known = sign === null ? undefined : refused.get(sign)
  if (known !== undefined) {
    work.add(deps.refuse(vm, known.message, known.reason))
    return
  }
  const decision = timed(deps, () => decide(deps.cluster, ask))
  if (decision.node !== null) {
    work.add(deps.commit(vm, decision))
    return
  }
  const room = await deps.preempt(vm, ask)
  const reason = room === null ? waitReasonOf(decision) : 'Preemption'
  const message = room ?? `${decision.message}${reason === 'Affinity' ? rings.words(ask.vm) : ''}`
  // What made room for one makes none for the next.
  if (sign !== null && room === null) refused.set(sign, { message, reason })
  work.add(deps.refuse(vm, message, reason))
}

async function tryGroup(
  members: readonly VirtualMachine[],
  group: GroupOf,
  deps: RoundDeps,
  work: Commits,
): Promise<void> {
  const { cluster, reader } = deps
  const ready = reader
    .list<VirtualMachine>(VMS, group.namespace)
    .filter((vm) => isSame(groupOf(vm), group) && (members.includes(vm) || cluster.vm(vm.metadata.uid) !== null)).length
  if (ready < group.size) {
    const missing = group.size - ready
    const words = `waits for ${missing} more machine${missing === 1 ? '' : 's'} of the group ${group.name} (${ready} of ${group.size} are to run)`
    for (const vm of members) work.add(deps.refuse(vm, words, 'Group'))
    return
  }
  const asks = members.map((vm) => askOf(vm, deps))
  const decision = timed(deps, () => decideGroup(cluster, asks))
  for (const vm of members) {
    const node = decision.placed?.get(vm.metadata.uid)
    if (node !== undefined) work.add(deps.commit(vm, { node, message: `with its group ${group.name}` }))
    else if (decision.placed === null)
      work.add(deps.refuse(vm, `the group ${group.name}: ${decision.message}`, 'Group'))
  }
}

/** Equal for machines that ask for the same; null for one whose answer depends on where others are. */
function signOf({ vm, not }: Ask): string | null {
  if (vm.near.length > 0 || vm.spread.length > 0 || (not?.size ?? 0) > 0) return null
  const { uid: _, name: __, ...asked }: VmFacts = vm
  const disks = asked.disks.map(({ name: ___, ...disk }) => disk)
  return JSON.stringify({ ...asked, disks, devices: asked.devices })
}

/** Work under way. */
class Commits {
  readonly #under = new Set<Promise<void>>()

  get size(): number {
    return this.#under.size
  }

  add(work: Promise<void>): void {
    const kept = work.catch(() => undefined).finally(() => this.#under.delete(kept))
    this.#under.add(kept)
  }

  async someDone(): Promise<void> {
    await Promise.race(this.#under)
  }

  async allDone(): Promise<void> {
    await Promise.all(this.#under)
  }
}
