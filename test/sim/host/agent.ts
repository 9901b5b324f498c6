// A simulated agent: takes bindings as the contract says and makes its host so. One process; what it must not forget is on its disk.
// Power is judged by the agent's real rules.

import { refuseOld } from '../../../agent/cluster/binding-admission.ts'
import { migrationRefusal } from '../../../agent/cluster/migration-gate.ts'
import { claimRefusal } from '../../../agent/cluster/ruler.ts'
import { startRefusal } from '../../../agent/cluster/standing.ts'
import { settle } from '../../../agent/controllers/virtualmachine/power.ts'
import { ApiError, messageOf } from '../../../lib/errors.ts'
import type { KubeObject } from '../../../lib/object.ts'
import type { ClaimAnswer, ClaimAsk } from '../../../schemas/cluster/claim.ts'
import type { LeaseAnswer, LeaseAsk, LeaseEvidence } from '../../../schemas/cluster/leaserenewal.ts'
import {
  type HostBinding,
  isShared,
  type StorageClass,
  type VirtualDisk,
  type VirtualMachine,
} from '../../../schemas/index.ts'
import { DISKS, VMS } from '../../../schemas/resources.ts'
import { type PowerRecord, wantedPower } from '../../../schemas/virtualmachine/power.ts'
import type { Durations } from '../durations.ts'
import { type Cancel, Life, type Timeline } from '../time.ts'
import { isVm, lackOf, needOf, type Room, roomRefusal, sumOf, takesRoom, vmOf } from './admission.ts'
import type { AgentDisk } from './disk.ts'
import { Lease } from './lease.ts'
import { LibvirtError, type Machine } from './machine.ts'
import { isMoving, Migrations, type Peer } from './migration.ts'
import { copyOf, diskStatus, firstStatus, powerOf, readyStatus, vmStatus } from './objects.ts'
import { takeOperations, tellOperations } from './operations.ts'

export interface AgentOptions {
  readonly machine: Machine
  readonly disk: AgentDisk
  readonly capacity: Room
  readonly timeline: Timeline
  readonly random: Durations
  readonly evidence: readonly LeaseEvidence[]
  readonly renew: (ask: LeaseAsk, life: Life) => Promise<LeaseAnswer>
  /** Boot clock, ms, at which the lease ends now. */
  readonly onRenewed: (until: number) => void
  /** What the scheduler may believe of machines that are ended with the lease. */
  readonly claims: {
    add(uids: readonly string[]): void
    settle(uids: readonly string[]): void
    has(uid: string): boolean
  }
  readonly peer: (node: string, life: Life) => Peer
  readonly say: (words: string) => void
  readonly onFault: (error: unknown) => void
}

const REACT_MS = { least: 5, most: 60 }
const RETRY_MS = 2_000
const RESYNC_MS = 10_000
const GRACE_MS = 60_000
const GUEST_STOPS_MS = { least: 1_000, most: 4_000 }

export class SimAgent {
  readonly life: Life
  readonly lease: Lease
  readonly #options: AgentOptions
  readonly #migrations: Migrations
  readonly #working = new Set<string>()
  readonly #again = new Set<string>()
  /** Looks that are asked for later; one for each object. */
  readonly #later = new Map<string, Cancel>()
  /** The last one that was answered, and those since. */
  #asks: readonly LeaseAsk[] = []
  #wasAnswered = false

  constructor(options: AgentOptions) {
    this.#options = options
    const { machine, disk, timeline, evidence, renew } = options
    this.life = new Life(timeline, machine.clock)
    this.#migrations = new Migrations({ ...options, life: this.life, poke: (uid) => this.poke(uid) })
    this.lease = new Lease({
      node: machine.name,
      life: this.life,
      bootId: machine.bootId,
      evidence,
      machines: () =>
        disk.bindings().flatMap(({ metadata: { name: uid }, spec }) => {
          const isFor = spec.failover === true
          const isOpen = disk.promised.has(uid) && !this.lease.confirms(uid, spec.epoch)
          return spec.role === 'Owner' && (isFor || isOpen)
            ? [{ uid, epoch: spec.epoch, fenced: isFor && evidence.length > 0 }]
            : []
        }),
      ask: (ask) => renew(ask, this.life),
      onAsk: (ask) => {
        this.#asks = [...this.#asks, ask]
        options.claims.add(ask.machines.flatMap(({ uid, fenced }) => (fenced ? [uid] : [])))
        this.#promise()
      },
      onAnswer: (ask, { confirmed }) => {
        this.#asks = this.#asks.filter(({ sentAt }) => sentAt >= ask.sentAt)
        this.#wasAnswered = true
        this.#promise()
        options.claims.settle(
          ask.machines.flatMap(({ uid, fenced }) =>
            fenced || (options.claims.has(uid) && !confirmed.includes(uid)) ? [uid] : [],
          ),
        )
      },
      onRenewed: (until) => {
        options.onRenewed(until)
        for (const { metadata, spec } of disk.bindings()) if (spec.failover === true) this.poke(metadata.name)
      },
    })
  }

  start(): void {
    this.lease.start()
    void this.#resync()
  }

  /** On disk, what the scheduler may count on. */
  #promise(): void {
    const { disk } = this.#options
    const named = this.#asks.flatMap(({ machines }) => machines.map(({ uid }) => uid))
    // Of an agent that was not answered yet: what an earlier one promised as well.
    disk.promised = new Set(this.#wasAnswered ? named : [...disk.promised, ...named])
  }

  /** Ended by SIGKILL, or with its host. */
  end(): void {
    this.life.end()
  }

  get migrations(): Migrations {
    return this.#migrations
  }

  // What a scheduler asks.

  /** @throws ApiError Conflict, with words */
  put(binding: HostBinding): HostBinding {
    const { disk, capacity } = this.#options
    const before = disk.binding(binding.metadata.name)
    const { ruler } = binding.spec
    const same =
      before !== null &&
      JSON.stringify([before.spec, before.objects]) === JSON.stringify([binding.spec, binding.objects])
    if (same) return before
    try {
      refuseOld(binding, before, disk.known)
      const taken = this.#takenBeside(binding.metadata.name)
      const why = roomRefusal(binding, before, { capacity, taken, power: this.#powerFor(binding) })
      if (why !== null) throw new ApiError('Conflict', why)
    } catch (error) {
      this.#options.say(`refuses ${binding.spec.subject.name}: ${messageOf(error)}`)
      throw error
    }
    if (BigInt(ruler.revision) > BigInt(disk.known.revision)) disk.known = { ...disk.known, revision: ruler.revision }
    const generation = (before?.metadata.generation ?? 0) + 1
    const stored = disk.putBinding({
      ...binding,
      metadata: { ...binding.metadata, generation },
      status: before?.status ?? {},
    })
    this.poke(binding.metadata.name)
    return stored
  }

  /** As the host has it; of a machine that is new here, as it came along. */
  #powerFor(binding: HostBinding): PowerRecord {
    const [subject] = binding.objects ?? []
    const copy = this.#options.disk.object(VMS, binding.metadata.name)
    return copy !== null
      ? powerOf(copy)
      : subject === undefined
        ? {}
        : powerOf({ ...subject, status: firstStatus(subject) })
  }

  /** What runs here and what is promised, but for that machine. */
  #takenBeside(uid: string): Room {
    const { disk, machine } = this.#options
    const promised = disk.bindings().filter((binding) => takesRoom(binding, this.#powerFor(binding)))
    const names = new Set([uid, ...promised.map(({ metadata }) => metadata.name)])
    return sumOf([
      ...promised.flatMap((binding) =>
        binding.metadata.name === uid ? [] : [needOf(vmOf(binding) as VirtualMachine)],
      ),
      ...machine.domains().filter((domain) => !names.has(domain.uid)),
    ])
  }

  /** Words of a scheduler, for people. */
  annotate(uid: string, annotations: Readonly<Record<string, string>>): HostBinding {
    const { disk } = this.#options
    const binding = disk.binding(uid)
    if (binding === null) throw new ApiError('NotFound', 'there is no such binding')
    const { metadata } = binding
    return disk.putBinding({
      ...binding,
      metadata: { ...metadata, annotations: { ...metadata.annotations, ...annotations } },
    })
  }

  forget(uid: string): void {
    const { disk } = this.#options
    const binding = disk.binding(uid)
    if (binding !== null && binding.status?.phase !== 'Released')
      throw new ApiError('Conflict', 'the object is still here')
    disk.forget(uid)
  }

  claim(ask: ClaimAsk): ClaimAnswer {
    const { disk } = this.#options
    const message = claimRefusal(ask, disk.known)
    if (message === null) disk.known = { instance: ask.instance, term: ask.term, revision: ask.revision }
    return { accepted: message === null, ...disk.known, message: message ?? '' }
  }

  /** Asks for a look at one object. */
  poke(uid: string, afterMs?: number): void {
    const { least, most } = REACT_MS
    const ms = afterMs ?? this.#options.random.between(least, most)
    this.#later.get(uid)?.()
    this.#later.set(
      uid,
      this.life.after(ms, () => {
        this.#later.delete(uid)
        void this.#look(uid)
      }),
    )
  }

  async #resync(): Promise<void> {
    while (this.life.alive) {
      for (const { metadata } of this.#options.disk.bindings()) this.poke(metadata.name)
      await this.life.sleep(RESYNC_MS)
    }
  }

  /** One look at a time at each object. */
  async #look(uid: string): Promise<void> {
    if (this.#working.has(uid)) {
      this.#again.add(uid)
      return
    }
    this.#working.add(uid)
    try {
      await this.#obey(uid)
    } catch (error) {
      this.#again.delete(uid)
      if (error instanceof LibvirtError) this.poke(uid, RETRY_MS)
      else this.#options.onFault(error)
    } finally {
      this.#working.delete(uid)
    }
    if (this.#again.delete(uid)) this.poke(uid)
  }

  async #obey(uid: string): Promise<void> {
    const binding = this.#options.disk.binding(uid)
    if (binding === null) return
    const { role, deleted } = binding.spec
    if (role === 'Released') return this.#release(binding)
    if (isMoving(binding) && binding.spec.migration.side === 'Target') {
      this.#told(uid, { phase: 'Accepted' })
      await this.#migrations.target(binding)
      if (role === 'Target') return
    }
    if (isMoving(binding) && binding.spec.migration.side === 'Source' && migrationRefusal(binding) !== null)
      return this.#migrations.source(binding)
    if (deleted === true) return this.#release(binding)
    this.#materialise(binding)
    this.#told(uid, { phase: 'Accepted' })
    const taken = this.#options.disk.binding(uid)
    if (isVm(binding) && taken !== null) await this.#power(taken)
  }

  async #release(binding: HostBinding): Promise<void> {
    const { disk, machine } = this.#options
    const uid = binding.metadata.name
    if (binding.status?.phase === 'Released') return
    if (isVm(binding)) {
      this.#told(uid, { phase: 'Releasing' })
      await machine.destroy(uid, this.life)
      await machine.undefine(uid, this.life)
      await this.#migrations.clear(uid)
    } else await this.life.sleep(20)
    disk.removeObject(binding.spec.subject.resource, uid)
    disk.files.delete(uid)
    this.#told(uid, { phase: 'Released' })
  }

  #materialise(binding: HostBinding): void {
    const { disk } = this.#options
    const { resource, uid } = binding.spec.subject
    const copy = copyOf(binding, disk.object(resource, uid))
    if (copy === null) return
    const status = () =>
      resource === DISKS
        ? diskStatus(copy, this.#hasFile(binding, disk.object(DISKS, uid) !== null))
        : readyStatus(copy, binding.spec.image?.digest)
    disk.putObject(resource, isVm(binding) ? copy : ({ ...copy, status: status() } as KubeObject))
  }

  /** A disk that was made once, here or elsewhere, is never made anew. */
  #hasFile({ metadata: { name: uid }, objects = [] }: HostBinding, isKnown: boolean): boolean {
    const { files } = this.#options.disk
    if (objects.some((object) => object.kind === 'StorageClass' && isShared(object as StorageClass))) return true
    const [subject] = objects as readonly VirtualDisk[]
    if (!isKnown && subject?.status?.target?.persistentVolumeClaimName === undefined) files.add(uid)
    return files.has(uid)
  }

  /** In words, why its disks keep it from being started; null when all are there. */
  #diskProblem({ objects = [] }: HostBinding): string | null {
    const { disk } = this.#options
    for (const { kind, metadata } of objects) {
      if (kind !== 'VirtualDisk') continue
      const copy = disk.object<VirtualDisk>(DISKS, metadata.uid)
      if (copy === null) return `the VirtualDisk ${metadata.name} does not exist`
      if (copy.status?.phase === 'PVCLost')
        return `the VirtualDisk ${metadata.name} was made once, and is gone from this host`
    }
    return null
  }

  #told(uid: string, news: { readonly phase: 'Accepted' | 'Releasing' | 'Released' }): void {
    const { disk } = this.#options
    const binding = disk.binding(uid)
    if (binding === null) return
    const epoch = Math.max(binding.spec.epoch, binding.status?.epoch ?? 0)
    disk.setStatus(uid, { ...binding.status, ...news, epoch, observedGeneration: binding.metadata.generation ?? 0 })
  }

  async #power(binding: HostBinding): Promise<void> {
    const { disk, machine } = this.#options
    const uid = binding.metadata.name
    if (!machine.libvirtAnswers) throw new LibvirtError('libvirt does not answer')
    const vm = disk.object<VirtualMachine>(VMS, uid)
    if (vm === null) return
    const active = machine.domain(uid) !== null
    const judged = settle(takeOperations(disk, vm, powerOf(vm)), {
      policy: vm.spec.runPolicy,
      active,
      shutoff: active ? 'other' : machine.endOf(uid),
      qemuReason: null,
      rebootEndsQemu: false,
      bootId: machine.bootId,
      now: this.life.now(),
      runningSince: null,
      brokenAt: null,
      generation: vm.metadata.generation ?? 0,
    })
    const wanted = wantedPower(judged, vm.spec.runPolicy)
    if (wanted === 'On' && !active) await this.#start(binding, vm, judged)
    else if (wanted === 'Off' && active) await this.#stop(vm, judged)
    else this.#tellVm(uid, judged, active ? 'Running' : 'Stopped', 'VirtualMachineStopped', '')
  }

  async #start(binding: HostBinding, vm: VirtualMachine, power: PowerRecord): Promise<void> {
    const { machine } = this.#options
    const { uid, name } = vm.metadata
    const word = startRefusal(binding)
    if (word !== null) return this.#tellVm(uid, power, 'Pending', 'NotHere', word)
    const waits = binding.spec.failover === true || this.#options.disk.promised.has(uid)
    if (waits && !this.lease.confirms(uid, binding.spec.epoch)) {
      this.#tellVm(
        uid,
        power,
        'Pending',
        'WaitsForLease',
        'waits until the scheduler says that it is still this host’s',
      )
      return this.poke(uid, RETRY_MS)
    }
    const problem = this.#diskProblem(binding)
    if (problem !== null) {
      this.#tellVm(uid, power, 'Pending', 'BlockDevicesNotReady', problem)
      return this.poke(uid, RETRY_MS)
    }
    const lack = lackOf(needOf(vm), { capacity: this.#options.capacity, taken: this.#takenBeside(uid) })
    if (lack !== null) {
      this.#tellVm(uid, power, 'Pending', 'PodNotStarted', lack)
      return this.poke(uid, RETRY_MS)
    }
    const starting = { ...power, starting: true, bootId: machine.bootId }
    this.#tellVm(uid, starting, 'Starting', 'Starting', '')
    const domain = { uid, name, epoch: binding.spec.epoch, ...needOf(vm) }
    try {
      await machine.start(domain, this.life)
    } catch (error) {
      this.#tellVm(uid, starting, 'Pending', 'StartFailed', messageOf(error))
      throw error
    }
    this.#tellVm(uid, starting, 'Running', 'Running', '')
    this.poke(uid)
  }

  async #stop(vm: VirtualMachine, power: PowerRecord): Promise<void> {
    const { machine, random } = this.#options
    const { uid } = vm.metadata
    const now = this.life.now()
    const stopping = { ...power, stopSince: power.stopSince ?? now }
    this.#tellVm(uid, stopping, 'Stopping', 'Stopping', '')
    if (power.request?.force === true || now - stopping.stopSince > GRACE_MS) {
      await machine.destroy(uid, this.life)
    } else if (power.stopSince === undefined) {
      machine.life.after(random.between(GUEST_STOPS_MS.least, GUEST_STOPS_MS.most), () =>
        machine.guestEnds(uid, 'stops', 'shutdown'),
      )
    }
    this.poke(uid, RETRY_MS / 2)
  }

  #tellVm(uid: string, power: PowerRecord, phase: string, reason: string, message: string): void {
    const { disk, machine } = this.#options
    const vm = disk.object<VirtualMachine>(VMS, uid)
    if (vm === null) return
    const status = vmStatus(vm, { node: machine.name, power, phase, reason, message, now: this.life.now() })
    disk.putObject(VMS, { ...vm, status } as KubeObject)
    tellOperations(disk, vm, power, this.life.now())
  }
}
