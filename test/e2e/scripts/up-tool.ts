// A machine of its own for tests of scripts/up and scripts/down, and what they look at there.

import { join } from 'node:path'
import { afterAll, beforeAll } from 'vitest'
import { labOk, ROOT } from './lab-tool.ts'
import { type Machine, type MachineRun, startMachine } from './machine.ts'

/** The deadline of one scripts/up. */
export const UP_SECONDS = 300

/** What scripts/up may start; nothing of it is left after scripts/down. */
const DAEMONS = 'qemu-system-x86|libvirtd|dnsmasq|virtlogd|virtlockd'

/** Patterns for `pgrep -f`; written so that they do not match the shell line that they are in. */
export const AGENT = '[b]in/berth-agent --config'
export const FILE_SERVER = '[s]erve-file.mjs'

/** Registers a machine for the tests of this file. */
export interface UpMachine {
  /** A script of the checkout, with an environment that has only a PATH and an empty HOME. */
  script(name: 'up' | 'down'): Promise<MachineRun>
  /** What a shell line there prints. */
  sh(line: string): Promise<string>
  /**
   * Starts scripts/up and, once it has said `words`, sends it a signal: SIGINT to its whole process group as Ctrl-C does, others to its
   * first process alone. Resolves with what it had said on both outputs, once that process is gone.
   */
  interrupt(words: string, signal: 'INT' | 'TERM' | 'KILL'): Promise<string>
  /** Processes and interfaces that scripts/up has started and nothing has ended; empty when it is clean. */
  leftovers(): Promise<string>
}

export function upMachine(): UpMachine {
  let machine: Machine
  beforeAll(async () => {
    // The machine has no network to fetch the guest's packages from.
    await labOk('image', '--dir', join(ROOT, '.cache', 'guest'))
    machine = await startMachine()
  })
  afterAll(async () => {
    await machine?.stop()
  })
  const bare = ['env', '-i', `PATH=${process.env.PATH}`, 'HOME='] as const
  const sh = async (line: string) => (await machine.run(60, 'bash', '-c', line)).stdout
  return {
    script: (name) => machine.run(UP_SECONDS, ...bare, join(ROOT, 'scripts', name)),
    sh,
    interrupt: async (words, signal) => {
      const target = signal === 'INT' ? '-- -$up' : '$up'
      // With job control a background job has a process group of its own and does not ignore SIGINT.
      const line = `set -m
        : >/run/up.said
        "$0" </dev/null >>/run/up.said 2>&1 & up=$!
        # No program is started to look and to wait: on a busy machine the next step of scripts/up would be quicker.
        [ -e /run/up.wait ] || mkfifo /run/up.wait
        exec 9<>/run/up.wait
        until mapfile said </run/up.said; [[ "\${said[*]}" == *"$1"* ]]; do kill -0 $up || exit 3; read -rt 0.01 -u 9; done
        kill -${signal} ${target}
        wait $up
        cat /run/up.said`
      const run = await machine.run(UP_SECONDS, ...bare, 'bash', '-c', line, join(ROOT, 'scripts', 'up'), words)
      if (run.exitCode === 3) throw new Error(`scripts/up never said "${words}": ${await sh('cat /run/up.said')}`)
      return run.stdout
    },
    leftovers: () =>
      sh(`pgrep -lx "${DAEMONS}"; pgrep -lf "${AGENT}|${FILE_SERVER}"; ip -o link show | grep -v " lo:"`),
  }
}
