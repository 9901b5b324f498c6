// What no event of libvirt tells about our machines: QEMUs that do not answer, domains that libvirt would start by itself.
import { type AutostartDeps, keepFromAutostart } from './autostart.ts'
import { AGENT_EVENTS } from './events.ts'
import { Pulse } from './pulse.ts'

const QEMU_SILENT = AGENT_EVENTS.text('QemuNotAnswering', 'its QEMU has not answered its monitor for 5 s')
const QEMU_ANSWERS = AGENT_EVENTS.text('QemuAnswers', 'its QEMU answers again, or has ended')

export interface MachineWatchDeps extends AutostartDeps {
  readonly wake: (uid: string) => void
}

export class MachineWatch {
  readonly pulse: Pulse
  readonly #deps: MachineWatchDeps

  constructor(deps: MachineWatchDeps) {
    this.#deps = deps
    this.pulse = new Pulse({
      libvirt: deps.libvirt,
      clock: deps.clock,
      isOurs: (uuid) => deps.vmOf(uuid) !== null,
      onChange: (uuid, silent) => this.#tell(uuid, silent),
    })
  }

  /** Ends when the signal aborts; never rejects. */
  async watch(signal: AbortSignal): Promise<void> {
    await Promise.all([this.pulse.watch(signal), keepFromAutostart(this.#deps, signal)])
  }

  #tell(uuid: string, silent: boolean): void {
    const { vmOf, events, wake } = this.#deps
    const vm = vmOf(uuid)
    if (vm !== null) events.record(vm, silent ? QEMU_SILENT : QEMU_ANSWERS)
    wake(uuid)
  }
}
