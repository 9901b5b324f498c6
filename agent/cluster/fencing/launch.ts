// Starts the fencer so that it outlives the agent: under systemd as a unit of its own, as the end of the agent's ends all that is in it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

const LAUNCH_MS = 5_000
export const FENCER_UNIT = 'berth-fencer'

const fromSource = import.meta.url.endsWith('.ts')
const main = fileURLToPath(new URL(fromSource ? './main.ts' : './main.js', import.meta.url))
/** Never the options of this process: with `--eval` among them each fencer would start the next one. */
const LOADER = fromSource ? ['--import', import.meta.resolve('tsx')] : []
/** A small heap: it reads two files four times a second. */
const NODE_OPTIONS = ['--max-semi-space-size=1', '--max-old-space-size=32']

/** Resolves when it was asked for. @throws Error when systemd refuses */
export async function launchFencer(ordersPath: string): Promise<void> {
  const command = [process.execPath, ...LOADER, ...NODE_OPTIONS, main, ordersPath]
  if (process.env.INVOCATION_ID !== undefined && existsSync('/run/systemd/system')) return asUnit(command)
  const [file = '', ...args] = command
  const child = spawn(file, args, {
    detached: true,
    stdio: 'ignore',
    env: { PATH: process.env.PATH, MALLOC_ARENA_MAX: '1' },
  })
  // A failed start shows in that the fencer says nothing.
  child.on('error', () => undefined)
  child.unref()
}

/** One of that name that hangs is ended first. */
async function asUnit(command: readonly string[]): Promise<void> {
  await execa('systemctl', ['kill', '--signal=KILL', FENCER_UNIT], { reject: false, timeout: LAUNCH_MS })
  const properties = [
    'Description=Berth: ends machines when the lease of this host runs out',
    'OOMScoreAdjust=-900',
    'Restart=on-failure',
  ]
  await execa(
    'systemd-run',
    [
      '--quiet',
      '--collect',
      `--unit=${FENCER_UNIT}`,
      ...properties.map((property) => `--property=${property}`),
      '--',
      ...command,
    ],
    { timeout: LAUNCH_MS },
  )
}
