// Live migration at a simulated host: the agent's real plans (agent/migration), done on a simulated libvirt.
import { type MoveBinding, mayFollow, recordOf } from '../../../agent/migration/records.ts'
import { planSource } from '../../../agent/migration/source-plan.ts'
import { planTarget } from '../../../agent/migration/target-plan.ts'
import { Turns } from '../../../agent/migration/turns.ts'
import { timestamp } from '../../../lib/clock.ts'
import type { HostBinding, MigrationPhase, VirtualMachine } from '../../../schemas/index.ts'
import { VMS } from '../../../schemas/resources.ts'
import type { Life } from '../time.ts'
import { needOf, vmOf } from './admission.ts'
import type { AgentDisk } from './disk.ts'
import { LibvirtError, type Machine } from './machine.ts'
import { copyOf } from './objects.ts'

export type Verdict = 'Committed' | 'Failed'

/** The agent at the other end. Calls reject when there is no answer. */
export interface Peer {
  /** Let QEMU wait for the guest. */
  prepare(uid: string, id: string): Promise<'Prepared' | 'Failed'>
  /** The whole guest is there: decide. */
  finish(uid: string, id: string): Promise<Verdict>
  /** Give it up, if it can still be given up. */
  abort(uid: string, id: string): Promise<Verdict>
  /** Whether the guest's memory can be sent there now. */
  takes(uid: string): boolean
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
  readonly onFault: (error: unknown) => void
}

const MIB = 1_048_576
const LEAST_TRANSFER_MS = 1_000
const PREPARE_MS = 100

export const isMoving = (binding: HostBinding): binding is MoveBinding => binding.spec.migration !== undefined

export class Migrations {
  readonly #options: MigrationOptions
  /** Transfers that this process drives, by uid. */
  readonly #busy = new Set<string>()
  /** Of the target: what it is asked, and what it does by itself, one after the other. */
  readonly #turns = new Turns()
  /** Guests that QEMU waits for, on a connection of this process. */
  readonly #incoming = new Set<string>()

  constructor(options: MigrationOptions) {
    this.#options = options
  }

  // The source.

  async source(binding: MoveBinding): Promise<void> {
    const { machine, poke } = this.#options
    const uid = binding.metadata.name
    if (!machine.libvirtAnswers) throw new LibvirtError('libvirt does not answer')
    const seen = (target: Verdict | 'Undecided' | null) => {
      const state = machine.domain(uid)?.state
      return planSource({
        spec: binding.spec.migration,
        phase: recordOf(binding)?.phase ?? null,
        busy: this.#busy.has(uid),
        domain: state === 'running' ? 'running' : state === 'paused' ? 'handed' : 'absent',
        job: machine.sends(uid),
        stuck: false,
        target,
        reason: recordOf(binding)?.reason ?? null,
        full: null,
      })
    }
    let step = seen(null)
    if (step.do === 'ask-target') step = seen(await this.#askToAbort(binding))
    switch (step.do) {
      case 'nothing':
      case 'ask-target':
        return
      case 'wait':
        if (step.why.startsWith('the outcome') && recordOf(binding)?.message !== step.why)
          this.#options.say(`${binding.spec.subject.name}: ${step.why}`)
        this.#write(binding, recordOf(binding)?.phase ?? 'Preparing', { message: step.why })
        return poke(uid, step.afterMs)
      case 'abort-job':
        machine.abortSend(uid)
        return poke(uid, 500)
      case 'transfer':
        this.#busy.add(uid)
        void this.#transfer(binding)
          .catch((error) => this.#failed(error))
          .finally(() => {
            this.#busy.delete(uid)
            poke(uid)
          })
        return
      case 'keep':
        return this.#keep(binding, step.reason, step.message)
      case 'start-anew':
        await machine.destroy(uid, this.#options.life)
        this.#write(binding, 'Failed', { reason: step.reason, message: step.message })
        return poke(uid)
      case 'end-here':
        return this.#endHere(binding)
    }
  }

  async #transfer(binding: MoveBinding): Promise<void> {
    const { machine, life, disk, say } = this.#options
    const uid = binding.metadata.name
    const { id, options, peer: other } = binding.spec.migration
    const peer = this.#options.peer(other.node, life)
    this.#write(binding, 'Transferring')
    if ((await peer.prepare(uid, id).catch(() => 'Failed')) === 'Failed')
      return this.#keep(binding, 'TargetFailed', 'the target does not take the machine now')
    const domain = machine.domain(uid)
    if (domain === null) return this.#keep(binding, 'SourceNotRunning', 'the guest ended')
    say(`${domain.name} is sent to ${other.node}`)
    const cap = Math.max(1, options.bandwidthMiBps ?? 640)
    const ms = Math.max(LEAST_TRANSFER_MS, (domain.memoryBytes / MIB / cap) * 1_000)
    const wanted = () => {
      const now = disk.binding(uid)?.spec.migration
      return peer.takes(uid) && (!life.alive || (now?.id === id && now.cancel !== true))
    }
    const sent = await machine.send(uid, ms, wanted, life)
    if (!sent) return this.#keep(binding, 'Failed', 'the transfer broke off, or was called off')
    this.#write(binding, 'Finishing')
    const verdict = await peer.finish(uid, id).catch(() => null)
    if (verdict === 'Committed') this.#write(binding, 'Committed')
    if (verdict === 'Failed') this.#write(binding, 'Failed', { reason: 'TargetFailed', message: 'the target gave up' })
  }

  async #askToAbort(binding: MoveBinding): Promise<Verdict | 'Undecided'> {
    const { life } = this.#options
    const { id, peer } = binding.spec.migration
    return await this.#options
      .peer(peer.node, life)
      .abort(binding.metadata.name, id)
      .catch(() => 'Undecided' as const)
  }

  async #keep(binding: MoveBinding, reason: string, message: string): Promise<void> {
    const { machine, life, poke } = this.#options
    const uid = binding.metadata.name
    if (recordOf(this.#options.disk.binding(uid) as MoveBinding)?.phase !== 'Failed')
      this.#write(binding, 'Failed', reason === '' ? {} : { reason, message })
    if (machine.domain(uid)?.state === 'paused') await machine.setState(uid, 'running', 'goes on', life)
    void this.#askToAbort(binding)
    poke(uid)
  }

  async #endHere(binding: MoveBinding): Promise<void> {
    const { machine, life } = this.#options
    this.#write(binding, 'Committed')
    await machine.destroy(binding.metadata.name, life)
    await machine.undefine(binding.metadata.name, life)
    this.#write(binding, 'Cleaned')
  }

  // The target.

  async target(binding: MoveBinding): Promise<void> {
    const { machine, poke } = this.#options
    const uid = binding.metadata.name
    const record = recordOf(binding)
    if (!machine.libvirtAnswers) throw new LibvirtError('libvirt does not answer')
    const state = machine.domain(uid)?.state
    const step = planTarget({
      spec: binding.spec.migration,
      phase: record?.phase ?? null,
      busy: this.#turns.isBusy(uid),
      incoming: this.#incoming.has(uid) && machine.domain(uid) !== null,
      domain: state === undefined ? 'absent' : state === 'running' ? 'running' : 'paused',
      leftBehind: false,
      settled: typeof record?.endTime === 'string',
      full: null,
    })
    switch (step.do) {
      case 'nothing':
        return
      case 'wait':
        return poke(uid, step.afterMs)
      case 'prepare':
        return this.#inTurn(uid, () => this.#prepareFiles(binding))
      case 'refuse':
        return this.#inTurn(uid, () => this.#refuse(binding, step.reason, step.message))
      case 'settle':
        return this.#inTurn(uid, () => this.#settle(binding))
    }
  }

  /** A look that came meanwhile is made up for. */
  async #inTurn<T>(uid: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#turns.run(uid, work)
    } finally {
      this.#options.poke(uid, 0)
    }
  }

  /** The machine was taken back: a QEMU that began to wait for its guest meanwhile waits for nothing. */
  clear(uid: string): Promise<void> {
    const { machine, life } = this.#options
    return this.#turns.run(uid, async () => {
      this.#incoming.delete(uid)
      if (machine.domain(uid)?.state === 'incoming') await machine.destroy(uid, life)
    })
  }

  async #prepareFiles(binding: MoveBinding): Promise<void> {
    const { disk, life, machine, poke } = this.#options
    const copy = copyOf(binding, disk.object(VMS, binding.metadata.name))
    this.#write(binding, 'Preparing')
    if (copy !== null) disk.putObject(VMS, copy)
    await life.sleep(PREPARE_MS)
    if (machine.storage) this.#write(binding, 'Prepared', { address: '192.0.2.1' })
    else await this.#refuse(binding, 'TargetPreparingFailed', 'the storage does not answer')
    poke(binding.metadata.name)
  }

  // Asked by the source.

  prepare(uid: string, id: string): Promise<'Prepared' | 'Failed'> {
    return this.#inTurn(uid, () => this.#prepare(uid, id))
  }

  finish(uid: string, id: string): Promise<Verdict> {
    return this.#inTurn(uid, () => this.#finish(uid, id))
  }

  abort(uid: string, id: string): Promise<Verdict> {
    return this.#inTurn(uid, () => this.#abort(uid, id))
  }

  async #prepare(uid: string, id: string): Promise<'Prepared' | 'Failed'> {
    const { machine, life } = this.#options
    const binding = this.#known(uid, id)
    const vm = binding === null ? null : vmOf(binding)
    if (binding === null || vm === null || recordOf(binding)?.phase !== 'Prepared') return 'Failed'
    const run = this.#options.peer(binding.spec.migration.peer.node, life).runOf(uid)
    try {
      if (run === null) throw new LibvirtError('the guest does not run at the source')
      const { name } = vm.metadata
      await machine.prepare(
        { uid, name, epoch: binding.spec.migration.epoch, ...needOf(vm as VirtualMachine) },
        run,
        life,
      )
    } catch (error) {
      this.#failed(error)
      await this.#refuse(binding, 'TargetPreparingFailed', 'libvirt did not take it')
      return 'Failed'
    }
    this.#incoming.add(uid)
    return 'Prepared'
  }

  async #finish(uid: string, id: string): Promise<Verdict> {
    const { machine, life } = this.#options
    const binding = this.#known(uid, id)
    if (binding === null) return 'Failed'
    const phase = recordOf(binding)?.phase
    if (phase === 'Committed') return 'Committed'
    if (phase !== 'Prepared' || machine.domain(uid)?.state !== 'incoming') return this.#abort(uid, id)
    try {
      // It arrives paused: nothing runs here before that is decided.
      await machine.setState(uid, 'paused', 'has arrived', life)
      for (const { kind, metadata } of binding.objects ?? [])
        if (kind === 'VirtualDisk') this.#options.disk.files.add(metadata.uid)
      this.#write(binding, 'Committed')
      return 'Committed'
    } catch (error) {
      this.#failed(error)
      await this.#refuse(binding, 'TargetFailed', 'the guest did not come')
      return 'Failed'
    }
  }

  async #abort(uid: string, id: string): Promise<Verdict> {
    const binding = this.#known(uid, id)
    if (binding === null) return 'Failed'
    const phase = recordOf(binding)?.phase
    if (phase === 'Committed') return 'Committed'
    if (phase !== 'Failed') await this.#refuse(binding, 'Aborted', 'the source called it off')
    return 'Failed'
  }

  /** QEMU waits here for the guest. */
  takes(uid: string): boolean {
    return this.#options.machine.domain(uid)?.state === 'incoming'
  }

  async #settle(binding: MoveBinding): Promise<void> {
    const { machine, life } = this.#options
    const uid = binding.metadata.name
    if (machine.domain(uid)?.state === 'paused')
      await machine.setState(uid, 'running', `goes on here (epoch ${binding.spec.migration.epoch})`, life)
    this.#write(binding, 'Committed', { endTime: timestamp(life.now()) })
  }

  async #refuse(binding: MoveBinding, reason: string, message: string): Promise<void> {
    const { machine, life, disk } = this.#options
    const uid = binding.metadata.name
    this.#write(binding, 'Failed', reason === '' ? {} : { reason, message })
    this.#incoming.delete(uid)
    await machine.destroy(uid, life)
    disk.removeObject(VMS, uid)
  }

  #known(uid: string, id: string): MoveBinding | null {
    const binding = this.#options.disk.binding(uid)
    return binding !== null && isMoving(binding) && binding.spec.migration.id === id ? binding : null
  }

  /** libvirt's refusals are part of the play. */
  #failed(error: unknown): void {
    if (!(error instanceof LibvirtError)) this.#options.onFault(error)
  }

  #write(
    binding: MoveBinding,
    phase: MigrationPhase,
    more: { reason?: string; message?: string; address?: string; endTime?: string } = {},
  ): void {
    const { disk, life, say } = this.#options
    const uid = binding.metadata.name
    const { id, side } = binding.spec.migration
    const now = this.#known(uid, id)
    if (now === null) return
    const record = recordOf(now)
    if (!mayFollow(record?.phase ?? null, phase)) return
    const { message: _, reason: __, ...kept } = record ?? { startTime: timestamp(life.now()) }
    const ended = phase === 'Cleaned' || phase === 'Failed'
    if (record?.phase !== phase)
      say(
        `${binding.spec.subject.name} as ${side.toLowerCase()}: ${phase}${more.message === undefined ? '' : ` (${more.message})`}`,
      )
    const end = ended ? { endTime: timestamp(life.now()) } : {}
    disk.setStatus(uid, { ...now.status, migration: { ...kept, id, phase, ...more, ...end } })
  }
}
