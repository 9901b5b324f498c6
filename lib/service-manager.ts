// The service manager's half of the process (sd_notify(3)): who started us, whether it wants signs of life, and how it is told.
//
// Node has no unix datagram sockets, so systemd's own `systemd-notify` sends: a process of a few milliseconds, twice in a watchdog's
// time. As root it speaks in its parent's name, so that `NotifyAccess=main` is enough.
import { run } from './exec.ts'

const NOTIFY_TIMEOUT_MS = 10_000

export interface ServiceManager {
  /** A sign of life is due within this time; null when nobody counts. Milliseconds. */
  readonly watchdogMs: number | null
  /** Sends assignments such as `READY=1` in one message. @throws ProgramError */
  notify(assignments: readonly string[]): Promise<void>
}

/**
 * Takes what the service manager put into the environment, so that programs started later do not inherit it.
 * @returns null when there is no such manager
 */
export function takeServiceManager(
  env: Record<string, string | undefined>,
  pid: number = process.pid,
): ServiceManager | null {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: watched } = env
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name]
  if (socket === undefined || socket === '') return null
  const microseconds = watched === undefined || Number(watched) === pid ? Number(usec) : 0
  return {
    watchdogMs: microseconds > 0 ? microseconds / 1_000 : null,
    notify: async (assignments) => {
      await run('systemd-notify', assignments.map(oneLine), {
        timeoutMs: NOTIFY_TIMEOUT_MS,
        env: { NOTIFY_SOCKET: socket },
      })
    },
  }
}

/** A message is lines of assignments: text from elsewhere must not add one. */
const oneLine = (assignment: string): string => assignment.replace(/\s+/g, ' ')
