// What is remembered of a migration: `status.migration` of the machine's binding. On disk before it is acted on.
import type { Resources } from '../../lib/apiserver/resources.ts'
import { type Clock, timestamp } from '../../lib/clock.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { Telling } from '../../lib/store/store.ts'
import type { BindingMigration, BindingMigrationStatus, HostBinding, MigrationPhase } from '../../schemas/index.ts'
import { HOST_BINDINGS } from '../names.ts'
import { leftBehind, toRemove } from './left-behind.ts'

export type MoveBinding = HostBinding & {
  readonly spec: HostBinding['spec'] & { readonly migration: BindingMigration }
}

/** Of what is written while the guest stands still: what others make of it takes no processor from letting it run. */
export const WHILE_PAUSED: Telling = { watchWithinMs: 300 }

const DECIDED: readonly (MigrationPhase | undefined)[] = ['Committed', 'Cleaned', 'Failed']
/** Whoever finds one of these knows that the target was not asked to finish. */
const UNASKED: readonly MigrationPhase[] = ['Preparing', 'Prepared', 'Transferring']

export const isDecided = (phase: MigrationPhase | undefined): boolean => DECIDED.includes(phase)

/**
 * A phase that was decided is not left for one that was not; Committed and Failed exclude each other. Finishing is not left for an earlier
 * one: word of progress that is late is no word that the target was not asked.
 */
export function mayFollow(before: MigrationPhase | null, after: MigrationPhase): boolean {
  if (before === 'Finishing') return !UNASKED.includes(after)
  if (before === null || before === after || !isDecided(before)) return true
  return before === 'Committed' && after === 'Cleaned'
}

/** What was decided is otherwise: nothing was written. */
export class DecidedOtherwise extends Error {
  override readonly name = 'DecidedOtherwise'
  readonly phase: MigrationPhase

  constructor(phase: MigrationPhase, wanted: MigrationPhase) {
    super(`the migration is ${phase} and cannot become ${wanted}`)
    this.phase = phase
  }
}

/** The words about this very migration; null before the first. */
export const recordOf = ({ spec, status }: MoveBinding): BindingMigrationStatus | null =>
  status?.migration?.id === spec.migration.id ? status.migration : null

/** Of its domain. */
export const nameOf = ({ spec: { subject } }: MoveBinding): string => `${subject.namespace}.${subject.name}`

export interface RecordsDeps {
  readonly reader: Reader
  readonly resources: Pick<Resources, 'modifyStatus'>
  readonly clock: Clock
}

export class Records {
  readonly #deps: RecordsDeps

  constructor(deps: RecordsDeps) {
    this.#deps = deps
  }

  /** The binding when a migration is part of it. */
  get(uid: string): MoveBinding | null {
    const binding = this.#deps.reader.get<HostBinding>(HOST_BINDINGS, { namespace: '', name: uid })
    return binding?.spec.migration === undefined ? null : (binding as MoveBinding)
  }

  /** Of a binding that may have been released meanwhile: the disks that its last move left behind. */
  leftBehind(uid: string): readonly string[] {
    const binding = this.#deps.reader.get<HostBinding>(HOST_BINDINGS, { namespace: '', name: uid })
    const move = binding?.spec.role === 'Released' ? undefined : binding?.spec.migration
    const record = binding?.status?.migration
    return toRemove(record, move !== undefined && move.id === record?.id)
  }

  /** Those have been removed. */
  async removed(uid: string, disks: readonly string[]): Promise<void> {
    const found = this.#deps.reader.get<HostBinding>(HOST_BINDINGS, { namespace: '', name: uid })
    if (found === null) return
    const target = { namespace: '', name: uid, uid: found.metadata.uid }
    await this.#deps.resources.modifyStatus<HostBinding>(HOST_BINDINGS, target, (status = {}) => {
      if (status.migration === undefined) return status
      const { made = [], ...migration } = status.migration
      const left = made.filter((one) => !disks.includes(one))
      return { ...status, migration: { ...migration, ...(left.length === 0 ? {} : { made: left }) } }
    })
  }

  /** uids of machines that move, or whose last move left something behind. */
  keys(): readonly string[] {
    return this.#deps.reader
      .list<HostBinding>(HOST_BINDINGS)
      .filter(({ spec, status }) => spec.migration !== undefined || leftBehind(status?.migration).length > 0)
      .map(({ metadata }) => metadata.name)
  }

  all(): readonly MoveBinding[] {
    return this.#deps.reader
      .list<HostBinding>(HOST_BINDINGS)
      .filter((binding): binding is MoveBinding => binding.spec.migration !== undefined)
  }

  /**
   * Writes the phase, with the rest kept as it was. Resolves when it is on disk.
   * @throws DecidedOtherwise, Error when the binding is gone or is about another migration by now
   */
  async write(
    uid: string,
    id: string,
    phase: MigrationPhase,
    more: Partial<BindingMigrationStatus> = {},
    telling: Telling = {},
  ): Promise<BindingMigrationStatus> {
    const binding = this.get(uid)
    if (binding === null || binding.spec.migration.id !== id)
      throw new Error(`the migration ${id} of ${uid} is not known here`)
    const now = timestamp(this.#deps.clock.now())
    let written: BindingMigrationStatus | null = null
    const target = { namespace: '', name: uid, uid: binding.metadata.uid }
    const change = (status: HostBinding['status'] = {}, object: HostBinding): HostBinding['status'] => {
      if (object.spec.migration?.id !== id) throw new Error(`the migration ${id} of ${uid} is another one by now`)
      const before = status.migration?.id === id ? status.migration : null
      if (!mayFollow(before?.phase ?? null, phase)) throw new DecidedOtherwise(before?.phase ?? phase, phase)
      const { message: _, reason: __, ...kept } = before ?? { id, startTime: now }
      const same = before?.phase === phase ? { reason: before.reason, message: before.message } : {}
      const next = { ...kept, ...defined(same), ...more, id, phase } as BindingMigrationStatus
      written = next
      const epoch = phase === 'Committed' && object.spec.migration.side === 'Target' ? object.spec.migration.epoch : 0
      return { ...status, migration: next, ...(epoch > (status.epoch ?? 0) ? { epoch } : {}) }
    }
    await this.#deps.resources.modifyStatus<HostBinding>(HOST_BINDINGS, target, change, telling)
    if (written === null) throw new Error(`the binding of ${uid} is gone`)
    return written
  }
}

const defined = <T extends object>(value: T): Partial<T> =>
  Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Partial<T>
