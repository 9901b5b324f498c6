// A whole agent in this process over a libvirtd of its own, for tests that throw requests at it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { startAgent } from '../../../../agent/app.ts'
import { toConfig } from '../../../../agent/config.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { startLibvirtd, type TestLibvirtd } from '../../../support/libvirtd.ts'

export interface FuzzAgent {
  readonly socketPath: string
  /** Lines of its log, parsed; of level warn and above. */
  readonly complaints: {
    readonly level: number
    readonly msg: string
    readonly err?: { readonly type: string; readonly message: string }
  }[]
  stop(): Promise<void>
}

/** `through` gives the socket that the agent shall use instead of libvirtd's own. */
export async function startFuzzAgent(
  through: (libvirtd: TestLibvirtd, folder: string) => Promise<string> = async ({ socketPath }) => socketPath,
): Promise<FuzzAgent> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-fuzz-'))
  const libvirtd = await startLibvirtd()
  const complaints: FuzzAgent['complaints'] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void complaints.push(JSON.parse(line)) })
  const socketPath = join(folder, 'agent.sock')
  const config = toConfig({
    nodeName: 'h1',
    stateDir: join(folder, 'state'),
    socketPath,
    listen: [],
    libvirt: { socket: await through(libvirtd, folder) },
    accelerator: 'emulation',
    allowEmulation: true,
    capacity: { cpuOvercommit: 100 },
    importer: { stallTimeoutSeconds: 2, totalTimeoutSeconds: 4 },
  })
  const agent = await startAgent({ config, log, clock: systemClock, version: '0.0.0', onFailed: log.error.bind(log) })
  return {
    socketPath,
    complaints,
    stop: async () => {
      await agent.stop()
      await libvirtd.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
