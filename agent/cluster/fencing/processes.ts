// QEMU of a machine, found and ended without asking libvirt, which may hang.
import { readFileSync } from 'node:fs'

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

/** Field 22 of /proc/PID/stat; null when there is no such process, or only its remains (state Z or X). */
function startTicksOf(pid: number): string | null {
  const stat = readText(`/proc/${pid}/stat`)
  if (stat === null) return null
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ['Z', 'X'].includes(fields[0] ?? '') ? null : (fields[19] ?? null)
}

/** QEMU's arguments: `-uuid UID` and, in any case, the uid in the names of its files. */
const commandOf = (pid: number): string => readText(`/proc/${pid}/cmdline`) ?? ''

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
