// QEMU of a machine, found and ended without asking libvirt, which may hang.
import { readdirSync, readFileSync } from 'node:fs'

/** A process that is that machine's QEMU: its pid, and when it started, by which a later process of the same number is told apart. */
export interface Qemu {
  readonly pid: number
  readonly startTicks: string
}

/** The live QEMU of the machine; null when there is none. The pid file may be old: the process must have the machine's uuid. */
export function findQemu({ uid, pidFile }: { readonly uid: string; readonly pidFile: string }): Qemu | null {
  const pid = Number(readText(pidFile)?.trim() ?? '0')
  if (!Number.isInteger(pid) || pid < 2) return null
  const startTicks = startTicksOf(pid)
  if (startTicks === null || !commandOf(pid).includes(uid)) return null
  return { pid, startTicks }
}

/** SIGKILL, when it is still that process. False when it is gone. */
export function killQemu({ pid, startTicks }: Qemu): boolean {
  // Node has no pidfd: between this look and the signal lie microseconds, in which the number of a process would have to come round.
  if (startTicksOf(pid) !== startTicks) return false
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false
  }
}

/** Field 22 of /proc/PID/stat; null when there is no such process, or only its remains. */
function startTicksOf(pid: number): string | null {
  const stat = statOf(`/proc/${pid}`)
  return stat === null || livingThreads(pid).length === 0 ? null : (stat[19] ?? null)
}

/** From the state on. */
function statOf(folder: string): readonly string[] | null {
  const stat = readText(`${folder}/stat`)
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** A process that was killed is not gone before its last thread is: one that writes to storage which does not answer may still do so. */
function livingThreads(pid: number): readonly string[] {
  const isLive = (folder: string) => !['Z', 'X', undefined].includes(statOf(folder)?.[0])
  return foldersIn(`/proc/${pid}/task`).filter(isLive)
}

/** QEMU's arguments: `-uuid UID` and, in any case, the uid in the names of its files. The first thread may have ended before the others. */
const commandOf = (pid: number): string =>
  livingThreads(pid)
    .map((folder) => readText(`${folder}/cmdline`) ?? '')
    .find((text) => text !== '') ?? ''

function foldersIn(path: string): readonly string[] {
  try {
    return readdirSync(path).map((name) => `${path}/${name}`)
  } catch {
    return []
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
