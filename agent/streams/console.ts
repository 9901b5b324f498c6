// The serial console of a virtual machine, by libvirt's stream.
import { systemClock } from '../../lib/clock.ts'
import { isOperationFailed } from '../../lib/libvirt/index.ts'
import { type Device, ExclusiveStream, type StreamDeps } from './exclusive.ts'
import { gather } from './gather.ts'

/**
 * VIR_DOMAIN_CONSOLE_FORCE: ends whatever stream libvirt has on that console. Only after it had time to let go of one that was just
 * left: libvirtd 9.0 may fall over a stream that it frees and ends at the same time (seen once: SIGSEGV).
 */
const FORCE = 1
const TRIES_BEFORE_FORCE = 5
const GATHER_MS = 3
const GATHER_BYTES = 16_384
/** How long QEMU may take to make the console of a domain that is being started. */
const STARTING_MS = 30_000
const STARTING_STEP_MS = 100
/** A guest's console stands still for a client that takes nothing, so not for long. */
const PATIENCE_MS = 10_000

export const consoleStream = (deps: StreamDeps): ExclusiveStream => new ExclusiveStream(deps, consoleDevice(deps))

function consoleDevice({ libvirt, clock = systemClock }: StreamDeps): Device {
  return {
    name: 'console',
    kind: 'VirtualMachineConsole',
    label: 'console',
    owner: 'libvirt',
    preempted: 'ConsoleSessionPreempted',
    patienceMs: PATIENCE_MS,
    // A domain is active from the first moment of its start, before QEMU has made its pty: libvirt then says "failed".
    open: async (_machine, dom, signal) => {
      const until = clock.monotonic() + STARTING_MS
      for (let tries = 0; ; tries++) {
        try {
          const flags = tries < TRIES_BEFORE_FORCE ? 0 : FORCE
          const stream = await libvirt.stream('DomainOpenConsole', { dom, devName: null, flags }, { signal })
          const readable = gather(stream.readable, { clock, waitMs: GATHER_MS, maxBytes: GATHER_BYTES })
          return { readable, write: (chunk) => stream.write(chunk) }
        } catch (error) {
          if (!isOperationFailed(error) || clock.monotonic() > until) throw error
          await clock.sleep(STARTING_STEP_MS, signal)
        }
      }
    },
  }
}
