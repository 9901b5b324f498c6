// Calls scripts/lab: where a lab lies, and its end. Imports nothing of vitest, so that a global setup can use it.
import { randomInt } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const TIMEOUT_MS = 180_000

export interface LabPlace {
  readonly dir: string
  /** Port of the file server on the lab's own address. */
  readonly port: number
}

/** A place for a lab. */
export async function labPlace(): Promise<LabPlace> {
  return { dir: mkdtempSync(join(tmpdir(), 'berth-lab-')), port: await freePort() }
}

/** Ends what `scripts/lab` started in the folder, and removes it. */
export async function endLab(dir: string): Promise<void> {
  if (existsSync(join(dir, 'lab.env'))) await scriptsLab(['down', '--dir', dir])
  rmSync(dir, { recursive: true, force: true })
}

/** Its output. @throws with its words when it fails */
export async function scriptsLab(args: readonly string[]): Promise<string> {
  const run = await execa(join(ROOT, 'scripts/lab'), args, { reject: false, stdin: 'ignore', timeout: TIMEOUT_MS })
  if (run.exitCode !== 0) throw new Error(`scripts/lab ${args.join(' ')}: ${run.stderr}`)
  return run.stdout
}

/**
 * One that nobody has at this moment, on any address of this machine; below those that the kernel gives to connections (32768 and up), which would
 * take it before somebody listens there.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_768)
    const probe = await listen(createServer(), '0.0.0.0', port).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') throw error
      return null
    })
    if (probe === null) continue
    await new Promise((resolve) => probe.close(resolve))
    return port
  }
}

/** The server, once it listens. */
export const listen = <T extends Pick<Server, 'listen' | 'once'>>(
  server: T,
  address: string,
  port: number,
): Promise<T> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => resolve(server))
  })
