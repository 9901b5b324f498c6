// Does the steps that were planned for a machine, and tells of them. Decides nothing: each step may be done again.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../../lib/errors.ts'
import { needsTpm } from '../../../lib/placement/requests.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { requireStart } from '../../cluster/standing.ts'
import { AGENT_EVENTS } from '../../events.ts'
import { VM_CLEANUP, VMS } from '../../names.ts'
import { plugIn } from '../../network/loose-ends.ts'
import { type Assessment, appliedSpec, type Look } from './assess.ts'
import { effective } from './dependencies.ts'
import type { VirtualMachineDeps } from './deps.ts'
import { buildDomainPlan, domainName } from './domain-plan.ts'
import type { DeviceStep } from './hotplug.ts'
import { domainRef } from './observe.ts'
import type { Step } from './plan.ts'
import { PAUSED_BY_DISK } from './power-words.ts'
import { DomainSteps } from './steps.ts'
import type { Tries } from './tries.ts'

export class Doing {
  readonly #deps: VirtualMachineDeps
  readonly #tries: Tries
  readonly #steps: DomainSteps

  constructor(deps: VirtualMachineDeps, tries: Tries) {
    this.#deps = deps
    this.#tries = tries
    this.#steps = new DomainSteps(deps.libvirt)
  }

  /** @throws LibvirtError, or whatever the step met */
  async run(
    vm: VirtualMachine,
    step: Exclude<Step, { do: 'wait' }>,
    { berth }: Pick<Assessment, 'berth'>,
    look: Look,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, events } = this.#deps
    const { uid } = vm.metadata
    const dom = domainRef(domainName(vm), uid)
    switch (step.do) {
      case 'define-and-start':
        return this.#start(vm, berth, look, signal)
      case 'shutdown':
        if (this.#tries.signals(uid, clock.now())) this.#tell(vm, 'Stopping', 'the guest is asked to power off')
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
        if (this.#tries.resumes(uid, clock.now())) events.record(vm, PAUSED_BY_DISK)
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
    const fault = await run().then(
      () => null,
      (error: unknown) => {
        if (signal.aborted) throw error
        return messageOf(error)
      },
    )
    if (!this.#tries.device(vm.metadata.uid, step, fault, this.#deps.clock.now())) return
    if (fault === null) this.#tell(vm, reason, step.label)
    else this.#tell(vm, 'FailedStep', `${step.label}: ${fault}`)
  }

  async #start(vm: VirtualMachine, berth: Assessment['berth'], look: Look, signal: AbortSignal): Promise<void> {
    const { facts, seeds, network, shutdowns, standing, events } = this.#deps
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
    // One that somebody renamed is made anew by its definition, which says so.
    if (look.view !== null && look.view.shutoff !== 'unknown' && look.view.observed.name === plan.name)
      await this.#steps.forgetRun(domainRef(plan.name, uid), signal)
    const { dom, renamedFrom } = await this.#steps.define(plan, signal)
    if (renamedFrom !== null)
      this.#tell(
        vm,
        'DefinitionRestored',
        `somebody had renamed the domain to ${renamedFrom}; it has its own name again`,
      )
    shutdowns.delete(uid)
    requireStart(standing, uid)
    if (plan.tpm && berth.machineType !== undefined && isTpmNew(look, this.#paths(uid).tpm)) {
      // Once it runs nobody could see any more that it was new: without the event on the disk it is not started, and tried again later.
      this.#tell(vm, 'NewTPM', `its TPM is new and empty: none of an earlier start is on ${facts.nodeName}`)
      await events.stored(signal)
    }
    await this.#steps.start(dom, signal)
    this.#tell(vm, 'Started', `started on ${facts.nodeName}`)
  }

  async #cleanUp(vm: VirtualMachine): Promise<void> {
    const { uid } = vm.metadata
    const { resources, seeds, ledger, turns, guests, shutdowns, network, onFileStep } = this.#deps
    const paths = this.#paths(uid)
    await seeds.remove(uid)
    onFileStep?.('seed-removed')
    await this.#steps.removeFiles([paths.nvram, paths.tpm, paths.console])
    onFileStep?.('vm-files-removed')
    ledger.release(uid)
    turns.release(uid)
    guests.forget(uid)
    shutdowns.delete(uid)
    network.forget(network.macOf(uid))
    const target = { namespace: vm.metadata.namespace ?? '', name: vm.metadata.name, uid }
    await resources.removeFinalizer(VMS, target, VM_CLEANUP)
  }

  #paths(uid: string) {
    const { folders } = this.#deps
    return {
      nvram: join(folders.nvram, `${uid}.fd`),
      console: join(folders.console, `${uid}.log`),
      tpm: join(folders.tpm, uid),
    }
  }

  #tell(vm: VirtualMachine, reason: keyof typeof AGENT_EVENTS.table, message: string): void {
    this.#deps.events.record(vm, AGENT_EVENTS.text(reason, message))
  }
}

/**
 * None of the machine's TPM is here. One that had no TPM before has lost none; a definition that an earlier agent made for this start, and did not
 * start, says nothing of an earlier one.
 */
function isTpmNew({ view }: Look, folder: string): boolean {
  const before = appliedSpec(view)
  return (before === null || needsTpm(before)) && !existsSync(folder)
}
