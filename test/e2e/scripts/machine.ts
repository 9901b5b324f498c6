// A machine to run scripts/up on: this one's file system, but with private /etc, /var, /usr/local and /run, no network but loopback,
// and a PID 1 that is not systemd. What is written there is gone afterwards. Processes see no cgroups (those are not private).

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { execa } from 'execa'

const SETUP = `set -e
for name in etc var usr/local; do
  mkdir -p "$1/$name.upper" "$1/$name.work"
  mount -t overlay overlay -o "lowerdir=/$name,upperdir=$1/$name.upper,workdir=$1/$name.work" "/$name"
done
rm -rf /etc/berth /var/lib/berth /var/log/berth /usr/local/bin/berth /usr/local/bin/berth-agent
mount -t tmpfs run /run
umount -lR /sys/fs/cgroup
hostname machine
echo 127.0.1.1 machine >>/etc/hosts
ip link set lo up
touch /run/machine-is-set-up
exec sleep infinity`

/** What a program on the machine gave. */
export interface MachineRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** A running machine. */
export interface Machine {
  /** Runs a program there; `seconds` is its deadline. */
  run(seconds: number, file: string, ...args: string[]): Promise<MachineRun>
  /** Ends everything on it and forgets what was written. */
  stop(): Promise<void>
}

/** Starts a machine; resolves when it can run programs. */
export async function startMachine(): Promise<Machine> {
  const dir = mkdtempSync(join(tmpdir(), 'berth-machine-'))
  const namespaces = ['--net', '--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child', '--mount-proc']
  const outer = execa('unshare', [...namespaces, 'tini', '-s', '--', 'bash', '-c', SETUP, 'machine', dir], {
    reject: false,
    stdin: 'ignore',
    stdout: 'ignore',
  })
  const inner = () => readFileSync(`/proc/${outer.pid}/task/${outer.pid}/children`, 'utf8').trim()
  const run = async (seconds: number, file: string, ...args: string[]): Promise<MachineRun> => {
    const enter = ['-t', inner(), '-m', '-n', '-u', '-i', '-p', '--', file, ...args]
    const result = await execa('nsenter', enter, { cwd: '/', reject: false, stdin: 'ignore', timeout: seconds * 1000 })
    return { exitCode: result.exitCode ?? -1, stdout: result.stdout, stderr: result.stderr }
  }
  const stop = async () => {
    outer.kill('SIGKILL')
    await outer
    rmSync(dir, { recursive: true, force: true })
  }
  const deadline = Date.now() + 20_000
  while ((await run(5, 'test', '-e', '/run/machine-is-set-up').catch(() => undefined))?.exitCode !== 0) {
    if (Date.now() > deadline || outer.exitCode !== null) {
      await stop()
      throw new Error('the machine for the test does not start')
    }
    await sleep(100)
  }
  return { run, stop }
}
