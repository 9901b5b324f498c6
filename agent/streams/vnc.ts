// The screen of a virtual machine: RFB, as QEMU's VNC server speaks it on the unix socket that the live definition names.
import { systemClock } from '../../lib/clock.ts'
import { type Device, ExclusiveStream, type StreamDeps } from './exclusive.ts'
import { screenSocket } from './screen.ts'
import { connectSocket } from './socket-channel.ts'

/** QEMU holds pictures back for a viewer that takes none; the guest does not wait. A slow link is no reason to end it. */
const PATIENCE_MS = 30_000
/** How long QEMU may take to open the socket of a domain that is being started. */
const STARTING_MS = 30_000
const STARTING_STEP_MS = 100
const NOT_YET = ['ENOENT', 'ECONNREFUSED']

export const vncStream = (deps: StreamDeps): ExclusiveStream => new ExclusiveStream(deps, vncDevice(deps))

function vncDevice({ libvirt, clock = systemClock }: StreamDeps): Device {
  return {
    name: 'vnc',
    kind: 'VirtualMachineVNC',
    label: 'screen',
    owner: 'QEMU',
    preempted: 'VNCSessionPreempted',
    patienceMs: PATIENCE_MS,
    check: async (machine, dom, signal) => void (await screenSocket(libvirt, machine, dom, signal)),
    open: async (machine, dom, signal) => {
      const path = await screenSocket(libvirt, machine, dom, signal)
      const until = clock.monotonic() + STARTING_MS
      for (;;) {
        try {
          return await connectSocket({ path }, signal)
        } catch (error) {
          if (!isNotYet(error) || clock.monotonic() > until) throw error
          await clock.sleep(STARTING_STEP_MS, signal)
        }
      }
    },
  }
}

const isNotYet = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && NOT_YET.includes(String(error.code))
