// The VirtualMachine controller: look, store what is seen and what will be done, do it, look again.
import { join } from 'node:path'
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import type { EventRecorder } from '../../../lib/controllers/event-recorder.ts'
import { messageOf } from '../../../lib/errors.ts'
import { LibvirtError } from '../../../lib/libvirt/index.ts'
import type { Counts } from '../../../lib/metrics/metrics.ts'
import { fromKey } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome, type Pass, type Reconciler } from '../../../lib/reconcile/types.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { requireStart, type Standing } from '../../cluster/standing.ts'
import { AGENT_EVENTS } from '../../events.ts'
import type { HostFacts } from '../../host/facts.ts'
import { VM_ENDS } from '../../metrics/catalogue.ts'
import { VM_CLEANUP, VMS } from '../../names.ts'
import { looseEnds, type Plug, plugIn } from '../../network/loose-ends.ts'
import type { Pulse } from '../../pulse.ts'
import type { OnFileStep } from '../../seams.ts'
import type { StartTurns } from '../../start-turns.ts'
import type { Volumes } from '../../storage/volumes.ts'
import { type Assessment, assess, type Look } from './assess.ts'
import type { Definitions } from './definitions.ts'
import { type Dependencies, effective, resolveDependencies } from './dependencies.ts'
import { buildDomainPlan, domainName } from './domain-plan.ts'
import type { GuestInfos } from './guest-info.ts'
import type { Attempt, DeviceStep } from './hotplug.ts'
import type { Ledger } from './ledger.ts'
import { attachedUids } from './live-devices.ts'
import { isMoving } from './moving.ts'
import { domainRef, type LibvirtCalls, viewDomain } from './observe.ts'
import { isActive, type Step } from './plan.ts'
import { endOf, PAUSED_BY_DISK } from './power-words.ts'
import type { Seeds } from './seed.ts'
import { berthOf } from './status.ts'
import { DomainSteps } from './steps.ts'
import { type Blindness, isUnknown, markUnknown } from './unknown.ts'

/** A pass that has not come to rest after so many looks starts anew from the queue. */
const MAX_ROUNDS = 12

export interface VirtualMachineDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly libvirt: LibvirtCalls
  readonly clock: Clock
  readonly events: Pick<EventRecorder, 'record'>
  readonly counts: Pick<Counts, 'inc'>
  readonly facts: HostFacts
  readonly volumes: Volumes
  readonly ledger: Ledger
  readonly turns: StartTurns
  readonly standing: Standing
  readonly pulse: Pick<Pulse, 'isSilent'>
  readonly seeds: Seeds
  readonly guests: GuestInfos
  /** QEMU's SHUTDOWN reasons by domain uuid; an entry lives until the next start. */
  readonly shutdowns: Map<string, string>
  /** What was read of running domains. */
  readonly definitions: Definitions
  readonly network: {
    /** libvirt's name of the NAT network; null while there is none. */
    name(): string | null
    /** Its name and bridge; null while there is none. */
    plug(): Plug | null
    /** In words, why there is none. */
    problem(): string | null
    macOf(uid: string): string
    /** Watches the address of a VM that runs; its controller is woken when it changes. */
    addressOf(mac: string): string | null
    /** The guest comes from another host with this address. */
    carry(mac: string, address: string): void
    /** In words, why it cannot go on with that. */
    addressProblem(mac: string): string | null
    forget(mac: string): void
  }
  /** Folders of the VMs' own files: firmware variables, console logs. */
  readonly folders: { readonly nvram: string; readonly console: string }
  readonly onFileStep?: OnFileStep
}

export class VirtualMachineReconciler implements Reconciler {
  readonly #deps: VirtualMachineDeps
  readonly #steps: DomainSteps
  /** uid -> when this agent last sent the shutdown signal of the stop under way. */
  readonly #signals = new Map<string, number>()
  /** uid -> when this agent last let the guest go on after a failed write. */
  readonly #resumes = new Map<string, number>()
  /** uid -> what this agent last tried with the block devices of the VM that would not come or go, by their uids. */
  readonly #attempts = new Map<string, Map<string, Attempt>>()

  constructor(deps: VirtualMachineDeps) {
    this.#deps = deps
    this.#steps = new DomainSteps(deps.libvirt)
  }

  async reconcile(key: string, signal: AbortSignal, pass: Pass): Promise<Outcome> {
    let failure: unknown = null
    for (let round = 0; round < MAX_ROUNDS; round++) {
      pass.looking()
      const vm = this.#deps.reader.get<VirtualMachine>(VMS, fromKey(key))
      if (vm === null) return DONE
      const { carried } = berthOf(vm.status)
      if (carried !== undefined) this.#deps.network.carry(this.#deps.network.macOf(vm.metadata.uid), carried)
      if (await isMoving(vm, this.#deps)) return DONE
      const { look, assessment } = await this.#assess(vm, failure, signal)
      if (assessment === null) return DONE
      if (failure !== null) throw failure
      if (assessment.steps.length === 0)
        return assessment.waits === null ? DONE : again(assessment.waits.afterMs, assessment.waits.why)
      pass.log.debug({ uid: vm.metadata.uid, round, steps: assessment.steps.map((step) => step.do) }, 'steps to do')
      try {
        const outcome = await this.#run(vm, assessment, look, signal)
        if (outcome !== null) return outcome
      } catch (error) {
        if (signal.aborted) throw error
        failure = error
        pass.log.warn({ uid: vm.metadata.uid, err: error }, `a step failed: ${messageOf(error)}`)
        this.#deps.events.record(vm, AGENT_EVENTS.text('FailedStep', messageOf(error)))
      }
    }
    return again(100, 'the virtual machine keeps changing')
  }

  /** Looks and stores the status. A null assessment: the object is gone. */
  async #assess(
    vm: VirtualMachine,
    failure: unknown,
    signal: AbortSignal,
  ): Promise<{ look: Look; assessment: Assessment | null }> {
    const { deps, uid } = { deps: this.#deps, uid: vm.metadata.uid }
    const dom = domainRef(domainName(vm), uid)
    const read = (xml: string) => deps.definitions.read(uid, xml)
    const view = await viewDomain(deps.libvirt, dom, signal, read).catch((error: unknown) => this.#unseen(vm, error))
    const active = isActive(view?.state ?? null)
    if (view?.state !== 'paused') this.#resumes.delete(uid)
    if (!active) {
      deps.guests.forget(uid)
      deps.definitions.forget(uid)
      this.#signals.delete(uid)
      this.#attempts.delete(uid)
    }
    const mac = deps.network.name() === null ? null : deps.network.macOf(uid)
    const look: Look = {
      view,
      dependencies: await this.#dependencies(vm, active ? attachedUids(view?.observed.disks ?? []) : []),
      facts: deps.facts,
      qemuReason: deps.shutdowns.get(uid) ?? null,
      lastSignal: this.#signals.get(uid) ?? null,
      lastResume: this.#resumes.get(uid) ?? null,
      attempts: this.#attempts.get(uid) ?? new Map(),
      ...deps.standing.word(uid),
      silent: active && deps.pulse.isSilent(uid),
      loose: active ? looseEnds(view?.observed.nics ?? [], deps.network.plug()) : [],
      failure: failure === null ? null : messageOf(failure),
      ipAddress: active && mac !== null ? deps.network.addressOf(mac) : null,
      addressProblem: active && mac !== null ? deps.network.addressProblem(mac) : null,
      mac,
      guest: active && view?.observed.guestAgentConnected === true ? deps.guests.get(dom) : null,
      now: deps.clock.now(),
    }
    let assessment: Assessment | null = null
    const target = { namespace: vm.metadata.namespace ?? '', name: vm.metadata.name, uid }
    // The finalizer is there before anything is made that would have to be cleaned up.
    const written = await deps.resources.modifyStatus<VirtualMachine>(
      VMS,
      target,
      (status, object) => {
        assessment = assess(object, status, look, deps)
        return assessment.status
      },
      VM_CLEANUP,
    )
    this.#forgetAttempts(uid, assessment)
    this.#tellEnd(vm, written === null ? null : assessment)
    return { look, assessment: written === null ? null : assessment }
  }

  /** libvirt is there and refuses to show this one: its status must not go on saying what was true before. */
  async #unseen(vm: VirtualMachine, error: unknown): Promise<never> {
    const { resources, events, clock } = this.#deps
    if (error instanceof LibvirtError) {
      const why: Blindness = { reason: 'LibvirtRefuses', message: `libvirt does not say how it is: ${error.message}` }
      if (!isUnknown(vm, why)) events.record(vm, AGENT_EVENTS.text('LibvirtRefuses', why.message))
      await markUnknown(vm, why, { resources, now: clock.now(), holds: () => true })
    }
    throw error
  }

  #dependencies(vm: VirtualMachine, attached: readonly string[]): Promise<Dependencies> {
    const { reader, volumes, facts, ledger, standing } = this.#deps
    const diskHolder = (path: string, exceptUid: string) => ledger.diskHolder(path, exceptUid)
    const networkProblem = () => this.#deps.network.problem()
    return resolveDependencies(vm, attached, { reader, volumes, facts, diskHolder, networkProblem, standing })
  }

  /** Runs the steps; an outcome ends the pass, null asks for another look. */
  async #run(
    vm: VirtualMachine,
    { steps, berth }: Assessment,
    look: Look,
    signal: AbortSignal,
  ): Promise<Outcome | null> {
    for (const step of steps) {
      signal.throwIfAborted()
      if (step.do === 'wait') return again(step.afterMs, step.why)
      await this.#step(vm, step, berth, look, signal)
      if (step.do === 'clean-up') return DONE
    }
    return null
  }

  async #step(
    vm: VirtualMachine,
    step: Exclude<Step, { do: 'wait' }>,
    berth: Assessment['berth'],
    look: Look,
    signal: AbortSignal,
  ): Promise<void> {
    const { uid } = vm.metadata
    const dom = domainRef(domainName(vm), uid)
    switch (step.do) {
      case 'define-and-start':
        return this.#start(vm, berth, look, signal)
      case 'shutdown':
        if (!this.#signals.has(uid)) this.#tell(vm, 'Stopping', 'the guest is asked to power off')
        this.#signals.set(uid, this.#deps.clock.now())
        return this.#steps.shutdown(dom, signal)
      case 'destroy':
        this.#tell(vm, 'Stopping', 'the guest is ended at once')
        return this.#steps.destroy(dom, signal)
      case 'persist':
        this.#tell(vm, 'DefinitionRestored', "somebody removed the domain's definition; it is there again")
        return this.#steps.persist(dom, signal)
      case 'plug':
        this.#tell(vm, 'Replugged', 'its network interface had lost its bridge and is on it again')
        return plugIn(step.end, signal)
      case 'resume':
        if (!this.#resumes.has(uid)) this.#deps.events.record(vm, PAUSED_BY_DISK)
        this.#resumes.set(uid, this.#deps.clock.now())
        return this.#steps.resume(dom, signal)
      case 'set-on-reboot':
        return this.#steps.setOnReboot(dom, step.action, signal)
      case 'undefine':
        return this.#steps.undefine(dom, signal)
      case 'attach-device':
        return this.#try(vm, step, 'Attached', () => this.#steps.attachDisk(dom, step.disk, signal), signal)
      case 'detach-device':
        return this.#try(vm, step, 'Detaching', () => this.#steps.detachDisk(dom, step.alias, signal), signal)
      case 'record-devices':
        if (look.view?.observed.metadata === undefined)
          this.#tell(vm, 'DefinitionRestored', "somebody removed Berth's note from the domain; it is there again")
        return this.#steps.setMetadata(dom, step.metadata, signal)
      case 'record-stop':
        return this.#steps.setMetadataAtRest(dom, step.metadata, signal)
      case 'clean-up':
        return this.#cleanUp(vm)
    }
  }

  /** A device that libvirt refuses keeps nothing else from being done: it is said, and tried again later. */
  async #try(
    vm: VirtualMachine,
    step: DeviceStep,
    reason: 'Attached' | 'Detaching',
    run: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const { uid, label } = step
    const attempts = this.#attempts.get(vm.metadata.uid) ?? new Map<string, Attempt>()
    this.#attempts.set(vm.metadata.uid, attempts)
    const made = attempts.get(uid)
    const last = made?.step === step.do ? made : undefined
    const fault = await run().then(
      () => null,
      (error: unknown) => {
        if (signal.aborted) throw error
        return messageOf(error)
      },
    )
    const at = this.#deps.clock.now()
    attempts.set(uid, { step: step.do, since: last?.since ?? at, at, fault })
    if (fault === null && last === undefined) this.#tell(vm, reason, label)
    if (fault !== null && fault !== last?.fault)
      this.#deps.events.record(vm, AGENT_EVENTS.text('FailedStep', `${label}: ${fault}`))
  }

  #forgetAttempts(uid: string, assessment: Assessment | null): void {
    const attempts = this.#attempts.get(uid)
    for (const device of attempts?.keys() ?? []) if (!assessment?.open.has(device)) attempts?.delete(device)
  }

  async #start(vm: VirtualMachine, berth: Assessment['berth'], look: Look, signal: AbortSignal): Promise<void> {
    const { facts, seeds, network, shutdowns, standing } = this.#deps
    const { uid, name } = vm.metadata
    const { dependencies: needs } = look
    if (needs.cpu === null || !('use' in facts.accelerator)) throw new Error('the start was planned without a CPU')
    const networkName = network.name()
    const seedPath =
      needs.userData === null ? null : await seeds.ensure({ uid, hostname: name, userData: needs.userData }, signal)
    const plan = buildDomainPlan({
      vm: effective(vm, needs),
      cpu: needs.cpu,
      devices: needs.devices,
      seedPath,
      facts,
      use: facts.accelerator.use,
      machineType: berth.machineType ?? null,
      network: networkName === null ? null : { name: networkName, mac: network.macOf(uid) },
      paths: this.#paths(uid),
      startedAt: new Date(look.now).toISOString(),
      epoch: look.epoch,
    })
    requireStart(standing, uid)
    const { dom, renamedFrom } = await this.#steps.define(plan, signal)
    if (renamedFrom !== null)
      this.#tell(
        vm,
        'DefinitionRestored',
        `somebody had renamed the domain to ${renamedFrom}; it has its own name again`,
      )
    shutdowns.delete(uid)
    requireStart(standing, uid)
    await this.#steps.start(dom, signal)
    this.#tell(vm, 'Started', `started on ${facts.nodeName}`)
  }

  async #cleanUp(vm: VirtualMachine): Promise<void> {
    const { uid } = vm.metadata
    const { resources, seeds, ledger, turns, guests, shutdowns, network, onFileStep } = this.#deps
    const paths = this.#paths(uid)
    await seeds.remove(uid)
    onFileStep?.('seed-removed')
    await this.#steps.removeFiles([paths.nvram, paths.console])
    onFileStep?.('vm-files-removed')
    ledger.release(uid)
    turns.release(uid)
    guests.forget(uid)
    shutdowns.delete(uid)
    network.forget(network.macOf(uid))
    const target = { namespace: vm.metadata.namespace ?? '', name: vm.metadata.name, uid }
    await resources.removeFinalizer(VMS, target, VM_CLEANUP)
  }

  #paths(uid: string): { readonly nvram: string; readonly console: string } {
    const { folders } = this.#deps
    return { nvram: join(folders.nvram, `${uid}.fd`), console: join(folders.console, `${uid}.log`) }
  }

  #tellEnd(vm: VirtualMachine, assessment: Assessment | null): void {
    if (!assessment?.ended) return
    const { cause } = assessment.ended
    if (cause !== 'never-started') this.#deps.counts.inc(VM_ENDS, { cause })
    const text = endOf(assessment.ended)
    if (text !== null) this.#deps.events.record(vm, text)
  }

  #tell(vm: VirtualMachine, reason: keyof typeof AGENT_EVENTS.table, message: string): void {
    this.#deps.events.record(vm, AGENT_EVENTS.text(reason, message))
  }
}
