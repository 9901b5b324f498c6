// What /proc says of a process: memory and CPU time, threads included.
import { readFileSync } from 'node:fs'
import type { CpuSpent } from './figures.ts'

/** The kernel's unit of CPU time in /proc, fixed at 100 per second for programs (USER_HZ). */
const TICKS_PER_SECOND = 100

/** Resident memory in MiB. */
export function residentMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  if (kib === undefined) throw new Error(`process ${pid} has no memory of its own`)
  return Number(kib) / 1024
}

/** CPU time that a process has used so far, in ms; 10 ms is the finest step. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name before the last parenthesis may hold anything; user and system time are fields 14 and 15 of proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND
}

/** How long ago a process began, in ms; 10 ms is the finest step. */
export function ageMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // Field 22: its start, since boot.
  const begun = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) / TICKS_PER_SECOND
  const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0])
  return Math.round((uptime - begun) * 1000)
}

/** Runs `work` and says what it cost the agent and this process. */
export async function counted<T>(agent: () => number, work: () => Promise<T>): Promise<{ result: T; cpu: CpuSpent }> {
  const pid = agent()
  const before = { agent: cpuMs(pid), load: process.cpuUsage() }
  const result = await work()
  const load = process.cpuUsage(before.load)
  return { result, cpu: { agentMs: cpuMs(pid) - before.agent, loadMs: (load.user + load.system) / 1000 } }
}
