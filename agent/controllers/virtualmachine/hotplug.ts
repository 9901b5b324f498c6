// Which block devices come to and leave a running VM, by what libvirt shows and what is asked for. Pure but for the claims on
// disks, which are the same each time. What is remembered (attempts) only spaces out the asking: without it all is asked anew.
import { timestamp } from '../../../lib/clock.ts'
import { DISK_TARGETS, type DiskPlan } from '../../../lib/domain/index.ts'
import { type BlockDeviceRef, labelOf } from './block-devices.ts'
import { bootRanks, type Device, diskPlan } from './domain-plan.ts'
import { keyOf, type LiveDevice } from './live-devices.ts'
import type { Change } from './pending-changes.ts'

/** What was last tried with one device. */
export interface Attempt {
  readonly step: DeviceStep['do']
  /** ms since the epoch: of the first and the last try. */
  readonly since: number
  readonly at: number
  /** libvirt's words when it refused; null when it took the order. */
  readonly fault: string | null
}

/** How long a device that would not come or go is left in peace. */
export const RETRY_MS = 10_000
/** A removal is told by an event; this is for one that was lost. */
const LOOK_AGAIN_MS = 1_000

export type DeviceStep =
  | { readonly do: 'attach-device'; readonly uid: string; readonly label: string; readonly disk: DiskPlan }
  | { readonly do: 'detach-device'; readonly uid: string; readonly label: string; readonly alias: string }

export interface HotplugInputs {
  readonly wanted: readonly BlockDeviceRef[]
  /** Of the spec; those of block devices hold back what they are about. */
  readonly changes: readonly Change[]
  readonly live: readonly LiveDevice[]
  /** All targets in use, foreign ones too. */
  readonly targets: readonly string[]
  readonly ready: readonly Device[]
  /** The VM that holds the disk, else null: then it is this VM's. */
  readonly claim: (device: Device) => string | null
  readonly attempts: ReadonlyMap<string, Attempt>
  readonly now: number
}

export interface Hotplug {
  readonly steps: readonly DeviceStep[]
  /** ms until the next try; null when nothing is to be tried again. */
  readonly again: number | null
  /** uids of those that have yet to come or go. */
  readonly open: ReadonlySet<string>
  /** uid -> place of those that are coming. */
  readonly coming: ReadonlyMap<string, string>
  /** In words, what was asked for and is not so yet. */
  readonly pending: readonly string[]
  /** In words, devices that this VM cannot have now. */
  readonly refused: readonly string[]
  /** The firmware would boot in another order than asked for. */
  readonly bootsOtherwise: boolean
}

export const NO_HOTPLUG: Hotplug = {
  steps: [],
  again: null,
  open: new Set(),
  coming: new Map(),
  pending: [],
  refused: [],
  bootsOtherwise: false,
}

export function planHotplug(inputs: HotplugInputs): Hotplug {
  const { wanted, live, ready } = inputs
  const { staying, waiting } = heldBack(inputs.changes)
  const has = new Set(live.map(({ uid }) => uid))
  const named = new Set(wanted.map(keyOf))
  const leaving = live.filter((device) => !named.has(keyOf(device)) && !staying.has(keyOf(device)))
  const missing = ready.filter((device) => !has.has(device.uid) && !waiting.has(keyOf(device)))
  const resolved = new Set(ready.map(keyOf))
  const unready = wanted.filter(
    (ref) => !resolved.has(keyOf(ref)) && !waiting.has(keyOf(ref)) && !live.some((one) => keyOf(one) === keyOf(ref)),
  )

  const going = leaving.map((device) => detachment(device, inputs))
  const sequence = [...bootRanks(wanted).keys()].map(keyOf)
  const arrival = arrivals(missing, sequence, inputs)
  const tries = [...going, ...arrival.tries]
  const waits = tries.map(({ wait }) => wait).filter((wait) => wait !== null)
  return {
    steps: tries.flatMap(({ step }) => step ?? []),
    again: waits.length === 0 ? null : Math.min(...waits),
    open: new Set([...leaving, ...missing].map(({ uid }) => uid)),
    coming: arrival.coming,
    pending: [
      ...tries.map(({ words }) => words),
      ...unready.map((ref) => `${labelOf(ref)} is not ready to be attached`),
    ],
    refused: arrival.refused,
    bootsOtherwise: !boots(sequence, new Map(live.map((device) => [keyOf(device), device.bootOrder]))),
  }
}

/** A device in the place of another one comes with the restart (DVP); until then the old one stays. */
function heldBack(changes: readonly Change[]) {
  const own = changes.filter(({ path }) => path.split('.')[0] === 'blockDeviceRefs')
  const keys = (values: readonly unknown[]) =>
    new Set(
      values.flatMap((value) => (value === undefined ? [] : [value].flat())).map((ref) => keyOf(ref as BlockDeviceRef)),
    )
  return {
    staying: keys(own.map(({ currentValue }) => currentValue)),
    waiting: keys(own.map(({ desiredValue }) => desiredValue)),
  }
}

interface Try {
  readonly step: DeviceStep | null
  /** ms until the next one; null when it is made now. */
  readonly wait: number | null
  readonly words: string
}

/** Makes the step, or waits for its next turn. */
function attempt(step: DeviceStep, { attempts, now }: HotplugInputs, say: (last: Attempt | undefined) => string): Try {
  const made = attempts.get(step.uid)
  const last = made?.step === step.do ? made : undefined
  const left = last === undefined ? 0 : last.at + RETRY_MS - now
  if (left <= 0) return { step, wait: null, words: say(last) }
  return { step: null, wait: last?.fault === null ? Math.min(left, LOOK_AGAIN_MS) : left, words: say(last) }
}

function detachment(device: LiveDevice, inputs: HotplugInputs): Try {
  const label = labelOf(device)
  const step: DeviceStep = { do: 'detach-device', uid: device.uid, label, alias: device.alias }
  return attempt(step, inputs, (last) => detachWords(label, last))
}

function detachWords(label: string, last: Attempt | undefined): string {
  if (last === undefined) return `${label} is being detached`
  if (last.fault !== null) return `${label} cannot be detached, which is tried again: ${last.fault}`
  if (last.at === last.since) return `${label} is being detached; the guest is to let go of it`
  return `${label} is still attached: since ${timestamp(last.since)} the guest does not let go of it, and is asked again and again`
}

const attachWords = (label: string, last: Attempt | undefined): string =>
  last?.fault ? `${label} cannot be attached, which is tried again: ${last.fault}` : `${label} is being attached`

function arrivals(missing: readonly Device[], sequence: readonly string[], inputs: HotplugInputs) {
  const { live, claim } = inputs
  const taken = new Set(inputs.targets)
  const orders = new Map(live.map((device) => [keyOf(device), device.bootOrder]))
  const coming = new Map<string, string>()
  const refused: string[] = []
  const tries: Try[] = []
  for (const device of missing) {
    const label = labelOf(device)
    const holder = device.volume.readonly ? null : claim(device)
    const target = DISK_TARGETS.find((place) => !taken.has(place))
    if (holder !== null || target === undefined) {
      refused.push(
        holder === null ? `${label} finds no free place` : `${label} is in use by the virtual machine ${holder}`,
      )
      continue
    }
    taken.add(target)
    coming.set(device.uid, target)
    const bootOrder = freeOrder(keyOf(device), sequence, orders)
    orders.set(keyOf(device), bootOrder)
    const disk = diskPlan(device, { target, bootOrder, hotplugged: true })
    const step: DeviceStep = { do: 'attach-device', uid: device.uid, label, disk }
    tries.push(attempt(step, inputs, (last) => attachWords(label, last)))
  }
  return { coming, refused, tries }
}

/** A boot order between those of its neighbours in the sequence; undefined when there is no room. No two devices may have the same. */
function freeOrder(
  key: string,
  sequence: readonly string[],
  orders: ReadonlyMap<string, number | undefined>,
): number | undefined {
  const place = sequence.indexOf(key)
  const of = (keys: readonly string[]) =>
    keys.filter((one) => orders.has(one)).map((one) => orders.get(one) ?? Infinity)
  const used = new Set(orders.values())
  let order = Math.max(0, ...of(sequence.slice(0, place))) + 1
  while (used.has(order)) order += 1
  return order < Math.min(Infinity, ...of(sequence.slice(place + 1))) ? order : undefined
}

/** Whether the devices that are there boot in this sequence. */
function boots(sequence: readonly string[], orders: ReadonlyMap<string, number | undefined>): boolean {
  const there = sequence.filter((key) => orders.has(key)).map((key) => orders.get(key) ?? Infinity)
  return there.every((order, index) => index === 0 || order > (there[index - 1] ?? 0))
}
