// What a VM takes of its host: CPU, memory and disks in the ledger, and a turn to start. A start that has to wait says for what.

import { hostMemoryOf, milliCoresOf } from '../../../lib/placement/requests.ts'
import type { VirtualMachine, VirtualMachineSpec } from '../../../schemas/index.ts'
import { startPriority } from '../../../schemas/virtualmachine/start-priority.ts'
import type { HostFacts } from '../../host/facts.ts'
import { ASK_AGAIN_MS, type Claim, type StartTurns } from '../../start-turns.ts'
import { crashPause } from './crash-loop.ts'
import type { Dependencies } from './dependencies.ts'
import type { Holding, Ledger } from './ledger.ts'
import type { DomainView } from './observe.ts'
import { isActive } from './plan.ts'
import type { PowerRecord } from './power.ts'
import { startBlocker } from './status.ts'

/** What the machines of a host share, and have to ask for. */
export interface HostShares {
  readonly ledger: Ledger
  readonly turns: Pick<StartTurns, 'ask' | 'started' | 'release'>
}

/** A start that waits for capacity, for a pause or for its turn. */
export interface Waiting {
  readonly why: string
  readonly afterMs: number
}

/** What of a look decides about a start. */
export interface StartLook {
  readonly view: DomainView | null
  readonly dependencies: Dependencies
  readonly facts: Pick<HostFacts, 'bootId'>
  readonly failure: string | null
  readonly now: number
}

/** How long a start that waits for capacity waits before it asks again. */
const CAPACITY_RETRY_MS = 5_000

/** Keeps the ledger true for this VM, and asks it for a start. `starting`: its power record when it is to be started. */
export function reserve(
  vm: VirtualMachine,
  applied: VirtualMachineSpec | null,
  starting: PowerRecord | null,
  look: StartLook,
  { ledger, turns }: HostShares,
): Waiting | null {
  const { uid, namespace, name } = vm.metadata
  const label = `${namespace}/${name}`
  if (look.view !== null && isActive(look.view.state)) {
    ledger.record(uid, holdingOf(label, applied ?? vm.spec, look.view))
    turns.started(uid)
    return null
  }
  const ready = startBlocker({ dependencies: look.dependencies, blocked: null }) === null
  const pause =
    starting === null || starting.request !== undefined
      ? null
      : crashPause(starting.crashes, vm.metadata.generation ?? 0, look.now)
  if (starting === null || !ready || look.failure !== null || pause !== null) {
    ledger.release(uid)
    turns.release(uid)
    return pause === null ? null : { why: pause.why, afterMs: pause.until - look.now }
  }
  const disks = look.dependencies.devices.filter(({ volume }) => !volume.readonly).map(({ volume }) => volume.path)
  const before = turns.ask(uid, claimOf(vm, starting, look))
  if (before !== null) {
    ledger.release(uid)
    return { why: `waits for its turn: ${before === 0 ? 'it is next' : `${before} before it`}`, afterMs: ASK_AGAIN_MS }
  }
  const refusal = ledger.admit(uid, holding(label, vm.spec, disks))
  if (refusal === null) return null
  turns.release(uid)
  return { why: refusal, afterMs: CAPACITY_RETRY_MS }
}

const claimOf = (vm: VirtualMachine, power: PowerRecord, { facts, dependencies }: StartLook): Claim => ({
  vm: `${vm.metadata.namespace}/${vm.metadata.name}`,
  priority: startPriority(vm, dependencies.priority),
  created: Date.parse(vm.metadata.creationTimestamp),
  afterBoot: power.bootId !== undefined && power.bootId !== facts.bootId,
})

/** What a running domain holds by what it is made of, not by what is asked for now. */
export const holdingOf = (vm: string, spec: VirtualMachineSpec, view: DomainView): Holding =>
  holding(
    vm,
    spec,
    view.observed.disks.filter((disk) => !disk.readonly).map((disk) => disk.path ?? ''),
  )

const holding = (vm: string, spec: VirtualMachineSpec, disks: readonly string[]): Holding => ({
  vm,
  milliCores: milliCoresOf(spec),
  memoryBytes: hostMemoryOf(spec),
  disks,
})
