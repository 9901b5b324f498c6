// Live migration as two simulated agents do it: the source transfers and pauses, the target alone decides and keeps its decision on disk.
import { timestamp } from '../../../lib/clock.ts'
import type { BindingMigrationStatus, HostBinding, VirtualMachine } from '../../../schemas/index.ts'
import { VMS } from '../../../schemas/resources.ts'
import type { Life } from '../time.ts'
import { needOf, vmOf } from './admission.ts'
import type { AgentDisk } from './disk.ts'
import { LibvirtError, type Machine } from './machine.ts'
import { copyOf } from './objects.ts'

export type Verdict = 'Committed' | 'Failed'

/** The agent at the other end. Calls reject when there is no answer. */
export interface Peer {
  /** The whole guest is there: go on with it. */
  finish(uid: string, id: string): Promise<Verdict>
  /** Give it up, if it can still be given up. */
  abort(uid: string, id: string): Promise<Verdict>
  /** Whether bytes arrive now, and somebody takes them. */
  streams(uid: string): boolean
  /** Which run of the guest is there. */
  runOf(uid: string): number | null
}

export interface MigrationOptions {
  readonly machine: Machine
  readonly disk: AgentDisk
  readonly life: Life
  readonly peer: (node: string, life: Life) => Peer
  readonly say: (words: string) => void
  readonly poke: (uid: string, afterMs?: number) => void
}

const MIB = 1_048_576
const LOOK_MS = 500
const RETRY_MS = 2_000

type Phase = BindingMigrationStatus['phase']

/** The record of the migration that the binding speaks of. */
const recordOf = ({ spec, status }: HostBinding): BindingMigrationStatus | null =>
  spec.migration !== undefined && status?.migration?.id === spec.migration.id ? status.migration : null

/**
 * Whether the owner's machine is on its way, or may be, or has gone: nothing else is done with it then. It comes back only by another
 * word of the scheduler.
 */
export const isOpen = ({ spec, status }: HostBinding): boolean => {
  const { migration } = spec
  if (migration?.side !== 'Source') return false
  return status?.migration?.id !== migration.id || status.migration.phase !== 'Failed'
}

export class Migrations {
  readonly #options: MigrationOptions
  /** Transfers that this process drives, by uid. */
  readonly #driven = new Set<string>()
  /** Guests that this process has prepared, by uid. */
  readonly #prepared = new Set<string>()
  readonly #arriving = new Set<string>()

  constructor(options: MigrationOptions) {
    this.#options = options
  }

  // The source.

  async source(binding: HostBinding): Promise<void> {
    const uid = binding.metadata.name
    const { migration } = binding.spec
    const { life, machine, say } = this.#options
    if (migration === undefined || this.#driven.has(uid)) return
    const record = recordOf(binding)
    if (record === null) {
      if (machine.domain(uid) === null) return this.#tell(binding, 'Failed', 'NotRunning', 'the machine does not run')
      this.#tell(binding, 'Preparing')
      return this.#options.poke(uid)
    }
    if (migration.resolution === 'KeepSource')
      return this.#goOn(binding, 'Resolved', 'goes on here: somebody decided so')
    if (migration.resolution === 'KeepTarget') return this.#leave(binding)
    if (record.phase === 'Preparing') {
      if (migration.cancel === true) return this.#tell(binding, 'Failed', 'Cancelled', 'cancelled before the transfer')
      if (migration.go !== true) return
      this.#tell(binding, 'Transferring')
      this.#driven.add(uid)
      say(`${binding.spec.subject.name} is transferred to ${migration.peer.node}`)
      // In the background: another look at this object must be possible.
      void this.#transfer(binding).finally(() => {
        this.#driven.delete(uid)
        this.#options.poke(uid)
      })
      return
    }
    if (record.phase !== 'Transferring') return
    // Nobody drives it any more: an earlier process did, or the end of it is not known.
    await this.#askForTheEnd(binding, 'abort')
    if (life.alive) this.#options.poke(uid, RETRY_MS)
  }

  async #transfer(binding: HostBinding): Promise<void> {
    const { machine, life, disk } = this.#options
    const uid = binding.metadata.name
    const { migration } = binding.spec
    const domain = machine.domain(uid)
    if (migration === undefined || domain === null) return
    const peer = this.#options.peer(migration.peer.node, life)
    const cap = migration.options.bandwidthMiBps ?? 640
    const ends = life.monotonic() + Math.max(LOOK_MS, (domain.memoryBytes / MIB / Math.max(1, cap)) * 1000)
    while (life.monotonic() < ends) {
      await life.sleep(LOOK_MS)
      const now = disk.binding(uid)
      const lost = !peer.streams(uid)
      if (machine.domain(uid) === null)
        return this.#tell(binding, 'Failed', 'GuestEnded', 'the guest ended during the transfer')
      if (lost || now?.spec.migration?.cancel === true) {
        // The guest was never whole at the target: it cannot run there.
        const words = lost ? 'the connection to the target was lost' : 'cancelled'
        this.#tell(binding, 'Failed', lost ? 'TransferFailed' : 'Cancelled', words)
        await peer.abort(uid, migration.id).catch(() => undefined)
        return
      }
    }
    await machine.setState(uid, 'paused', 'is paused for the switch', life)
    await this.#askForTheEnd(binding, 'finish')
  }

  /** The target decides. No answer: the guest stays paused. */
  async #askForTheEnd(binding: HostBinding, how: 'finish' | 'abort'): Promise<void> {
    const { life, say } = this.#options
    const { migration, subject } = binding.spec
    if (migration === undefined) return
    const peer = this.#options.peer(migration.peer.node, life)
    let verdict: Verdict
    try {
      verdict = await peer[how](binding.metadata.name, migration.id)
    } catch {
      const told = recordOf(this.#options.disk.binding(binding.metadata.name) ?? binding)?.reason === 'Unknown'
      if (!told) say(`${subject.name} stays paused: ${migration.peer.node} does not say how it ended`)
      return this.#tell(binding, 'Transferring', 'Unknown', `${migration.peer.node} does not say how it ended`)
    }
    if (verdict === 'Committed') await this.#leave(binding)
    else await this.#goOn(binding, 'TargetFailed', 'the target gave up')
  }

  async #goOn(binding: HostBinding, reason: string, words: string): Promise<void> {
    const { machine, life } = this.#options
    const uid = binding.metadata.name
    if (machine.domain(uid)?.state === 'paused') await machine.setState(uid, 'running', 'goes on', life)
    this.#tell(binding, 'Failed', reason, words)
    this.#options.poke(uid)
  }

  async #leave(binding: HostBinding): Promise<void> {
    const { machine, life } = this.#options
    await machine.destroy(binding.metadata.name, life)
    await machine.undefine(binding.metadata.name, life)
    this.#tell(binding, 'Cleaned')
  }

  // The target.

  async target(binding: HostBinding): Promise<void> {
    const { machine, life, disk } = this.#options
    const uid = binding.metadata.name
    const { migration } = binding.spec
    const vm = vmOf(binding)
    if (migration === undefined || vm === null) return
    const record = recordOf(binding)
    if (record === null) {
      if (migration.cancel === true)
        return this.#tell(binding, 'Failed', 'Cancelled', 'cancelled before it was prepared')
      this.#tell(binding, 'Preparing')
      const copy = copyOf(binding, null)
      if (copy !== null) disk.putObject(VMS, copy)
      this.#prepared.add(uid)
      const domain = { uid, name: vm.metadata.name, epoch: migration.epoch, ...needOf(vm as VirtualMachine) }
      try {
        const run = this.#options.peer(migration.peer.node, life).runOf(uid)
        if (run === null) throw new LibvirtError('the guest does not run at the source')
        await machine.prepare(domain, run, life)
      } catch (error) {
        if (!(error instanceof LibvirtError)) throw error
        return this.#tell(binding, 'Failed', 'PrepareFailed', error.message)
      }
      this.#tell(binding, 'Prepared')
      return this.#options.poke(uid, LOOK_MS)
    }
    if (record.phase === 'Preparing' && this.#prepared.has(uid)) return
    if (record.phase === 'Finishing' && this.#prepared.has(uid)) return
    if (record.phase === 'Finishing') return void (await this.#afterAll(binding))
    if (record.phase === 'Committed') return this.#resume(binding)
    if (record.phase !== 'Preparing' && record.phase !== 'Prepared') return
    const lost = !this.#prepared.has(uid) || machine.domain(uid) === null
    const broken = this.#arriving.has(uid) && !this.#options.peer(migration.peer.node, life).streams(uid)
    if (lost || broken || migration.cancel === true) {
      const words = migration.cancel === true ? 'cancelled' : lost ? 'the prepared guest is gone' : 'the source is gone'
      await this.#giveUp(binding, migration.cancel === true ? 'Cancelled' : 'TransferFailed', words)
    } else this.#options.poke(uid, 2 * LOOK_MS)
  }

  /** Asked by the source. */
  async finish(uid: string, id: string): Promise<Verdict> {
    const { disk, machine, life } = this.#options
    const binding = disk.binding(uid)
    const record = binding === null ? null : recordOf(binding)
    if (binding === null || record?.id !== id) return 'Failed'
    if (record.phase === 'Committed') return 'Committed'
    if (record.phase !== 'Prepared' || machine.domain(uid)?.state !== 'incoming') return this.abort(uid, id)
    this.#tell(binding, 'Finishing')
    try {
      // It arrives paused: nothing runs here before that is decided.
      await machine.setState(uid, 'paused', 'has arrived', life)
    } catch (error) {
      if (!(error instanceof LibvirtError)) throw error
      return this.#afterAll(binding)
    }
    return this.#commit(binding)
  }

  #commit(binding: HostBinding): Verdict {
    this.#tell(binding, 'Committed')
    this.#options.poke(binding.metadata.name, 0)
    return 'Committed'
  }

  /** Decided, and the guest does not run yet: an earlier process was killed in between, or libvirt was away. */
  async #resume(binding: HostBinding): Promise<void> {
    const { machine, life } = this.#options
    const uid = binding.metadata.name
    if (machine.domain(uid)?.state === 'paused')
      await machine.setState(uid, 'running', `goes on here (epoch ${binding.spec.migration?.epoch})`, life)
  }

  async abort(uid: string, id: string): Promise<Verdict> {
    const binding = this.#options.disk.binding(uid)
    const record = binding === null ? null : recordOf(binding)
    if (binding === null || record?.id !== id) return 'Failed'
    if (record.phase === 'Committed') return 'Committed'
    if (record.phase === 'Finishing') return this.#afterAll(binding)
    if (record.phase !== 'Failed') await this.#giveUp(binding, 'Aborted', 'the source gave it up')
    return 'Failed'
  }

  streams(uid: string): boolean {
    const incoming = this.#options.machine.domain(uid)?.state === 'incoming'
    if (incoming) this.#arriving.add(uid)
    return incoming
  }

  /** Whether a transfer of it goes out from here. */
  sends(uid: string): boolean {
    return this.#driven.has(uid) && this.#options.machine.domain(uid) !== null
  }

  /** Killed between the switch and its record: the guest tells. */
  async #afterAll(binding: HostBinding): Promise<Verdict> {
    const { machine } = this.#options
    if (!machine.libvirtAnswers) throw new LibvirtError('libvirt does not answer')
    if (machine.domain(binding.metadata.name)?.state === 'paused') return this.#commit(binding)
    await this.#giveUp(binding, 'FinishFailed', 'the guest did not go on here')
    return 'Failed'
  }

  async #giveUp(binding: HostBinding, reason: string, words: string): Promise<void> {
    const { machine, life, disk } = this.#options
    const uid = binding.metadata.name
    await machine.destroy(uid, life)
    disk.removeObject(VMS, uid)
    this.#tell(binding, 'Failed', reason, words)
  }

  #tell({ metadata: { name: uid }, spec }: HostBinding, phase: Phase, reason?: string, message?: string): void {
    const { disk, life, say } = this.#options
    const before = disk.binding(uid)
    if (before === null || spec.migration === undefined) return
    const { id, side } = spec.migration
    const known = before.status?.migration?.id === id ? before.status.migration : { startTime: timestamp(life.now()) }
    const ended = phase === 'Committed' || phase === 'Cleaned' || phase === 'Failed'
    if (phase !== before.status?.migration?.phase || before.status.migration.id !== id)
      say(`${spec.subject.name} as ${side.toLowerCase()}: ${phase}${message === undefined ? '' : ` (${message})`}`)
    disk.setStatus(uid, {
      ...before.status,
      migration: {
        ...known,
        id,
        phase,
        ...(reason === undefined ? {} : { reason }),
        ...(message === undefined ? {} : { message }),
        ...(ended ? { endTime: timestamp(life.now()) } : {}),
        ...(side === 'Target' ? { address: '192.0.2.1' } : {}),
      },
    })
  }
}
