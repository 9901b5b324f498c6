import type { HostReader } from '../host-reader.ts'
import type { Finding, HostCheck } from './check.ts'

/** Asked in turn; each answers only when it knows. */
const SOURCES = [askChrony, askTimedate, askTimesync]

/** Leases between hosts and the guests' clocks depend on it. */
export const timeSyncCheck: HostCheck = {
  id: 'time-sync',
  title: 'The clock is synchronized',
  condition: 'TimeSynchronized',
  advice: {
    means: 'The clock is synchronized. Wrong time breaks certificates, tokens and the clocks of guests.',
    todo: 'Install chrony, or enable systemd-timesyncd. Unknown means that nothing on the host tells.',
  },
  run: async ({ host }, signal) => {
    for (const ask of SOURCES) {
      const finding = await ask(host, signal)
      if (finding !== undefined) return finding
    }
    return {
      status: 'info',
      unknown: true,
      message: 'Nothing on this host tells whether its clock is synchronized.',
      detail: 'asked: chronyc, timedatectl, systemd-timesyncd',
      remedy: 'Install chrony or enable systemd-timesyncd.',
    }
  },
}

const finding = (synchronized: boolean, who: string, detail: string): Finding =>
  synchronized
    ? { status: 'ok', message: `${who} says that the clock is synchronized.`, detail }
    : { status: 'warn', message: `${who} says that the clock is not synchronized.`, detail }

async function askChrony(host: HostReader, signal: AbortSignal): Promise<Finding | undefined> {
  const answer = await host.run('chronyc', ['-n', 'tracking'], signal)
  const leap = answer.ok ? /^Leap status\s*:\s*(.+)$/m.exec(answer.stdout)?.[1]?.trim() : undefined
  return leap === undefined ? undefined : finding(leap === 'Normal', 'chrony', `leap status: ${leap}`)
}

/** Reads the kernel's own flag (adjtimex), whoever keeps the time. Needs systemd. */
async function askTimedate(host: HostReader, signal: AbortSignal): Promise<Finding | undefined> {
  const answer = await host.run('timedatectl', ['show', '--property=NTPSynchronized', '--value'], signal)
  const value = answer.ok ? answer.stdout.trim() : ''
  return value === 'yes' || value === 'no'
    ? finding(value === 'yes', 'The kernel', `NTPSynchronized=${value}`)
    : undefined
}

/** The file is touched at each synchronization; its absence proves nothing. */
async function askTimesync(host: HostReader): Promise<Finding | undefined> {
  const path = '/run/systemd/timesync/synchronized'
  return (await host.exists(path)) ? finding(true, 'systemd-timesyncd', path) : undefined
}
