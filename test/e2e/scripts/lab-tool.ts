// Runs scripts/lab for the tests here, and looks at what it leaves on the machine.

import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'

/** The checkout. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '')

/** What a run of scripts/lab gave. */
export interface LabRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** scripts/lab with these arguments, called from a folder that is not the checkout. */
export async function lab(...args: string[]): Promise<LabRun> {
  const run = await execa(`${ROOT}/scripts/lab`, args, { cwd: '/', reject: false, stdin: 'ignore', timeout: 150_000 })
  return { exitCode: run.exitCode ?? -1, stdout: run.stdout, stderr: run.stderr }
}

/** As `lab`, but a failure throws with its words. */
export async function labOk(...args: string[]): Promise<string> {
  const run = await lab(...args)
  if (run.exitCode !== 0) throw new Error(`scripts/lab ${args.join(' ')}: ${run.stderr}`)
  return run.stdout
}

/** A new folder with a space in its path, and its removal. */
export function folder(): { readonly path: string; remove(): void } {
  const outer = mkdtempSync(join(tmpdir(), 'berth-lab '))
  return { path: join(outer, 'a lab'), remove: () => rmSync(outer, { recursive: true, force: true }) }
}

/** The lab's run id, bridge, subnet and gateway. */
export function labEnv(dir: string): Record<string, string> {
  const lines = readFileSync(join(dir, 'lab.env'), 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split('=', 2) as [string, string]))
}

/** A pid from a file of a lab host. */
export function pidOf(dir: string, host: string, file: string): number {
  return Number(readFileSync(join(dir, 'hosts', host, file), 'utf8'))
}

/** Namespaces of a process, such as `net:[4026532000]`. */
export function namespacesOf(pid: number): string[] {
  return ['net', 'pid', 'mnt'].map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`))
}

/** Living processes that are in one of these namespaces. */
export function processesIn(namespaces: readonly string[]): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => {
    try {
      return namespacesOf(pid).some((name) => namespaces.includes(name))
    } catch {
      return false // ended, or a zombie: it has no namespaces left
    }
  })
}

/** Everything on this machine that carries the run id in its name: links, network namespaces, mounts, cgroups, folders in /run. */
export async function traces(run: string): Promise<string[]> {
  const links = (await execa('ip', ['-o', 'link', 'show'])).stdout.split('\n')
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n')
  const cgroups = (await execa('find', ['/sys/fs/cgroup', '-maxdepth', '2', '-name', `*${run}*`])).stdout.split('\n')
  const runtime = readdirSync('/run').concat(
    (() => {
      try {
        return readdirSync('/run/netns')
      } catch {
        return []
      }
    })(),
  )
  return [...links, ...mounts, ...cgroups, ...runtime].filter((line) => line.includes(run))
}
