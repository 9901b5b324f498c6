// scripts/up, cut off at any moment by Ctrl-C, SIGTERM or SIGKILL and run again, succeeds; what it has started is still found by
// scripts/down.

import { describe, expect, it } from 'vitest'
import { AGENT, FILE_SERVER, UP_SECONDS, upMachine } from './up-tool.ts'

const { sh, script, interrupt, leftovers } = upMachine()

const MOMENTS = [
  ['starting libvirtd', 'KILL'],
  ['starting the agent', 'INT'],
  ['starting the agent', 'KILL'],
  ['virtualimage.virtualization.deckhouse.io/first-image created', 'KILL'],
  ['machine Starting', 'TERM'],
] as const

describe('scripts/up that was interrupted', { timeout: 3 * UP_SECONDS * 1000 }, () => {
  it('succeeds when it is run again, with one of everything', async () => {
    for (const [words, signal] of MOMENTS) {
      expect(await interrupt(words, signal), `${signal} at ${words}`).not.toContain('What to type next')
    }
    const run = await script('up')
    expect(run.exitCode, run.stderr).toBe(0)
    expect(await sh('pgrep -cx libvirtd')).toBe('1')
    expect(await sh(`pgrep -cf "${AGENT}"`)).toBe('1')
    expect(await sh('pgrep -cx qemu-system-x86')).toBe('1')
    // The file server of a killed run ends by itself.
    expect(
      await sh(`timeout 20 bash -c 'while pgrep -f "${FILE_SERVER}"; do sleep 0.2; done' >/dev/null; echo $?`),
    ).toBe('0')
    expect((await script('down')).exitCode).toBe(0)
    expect(await leftovers()).toBe('')
  })

  it('two at once wait for each other', async () => {
    const [one, two] = await Promise.all([script('up'), script('up')])
    expect(one.exitCode, one.stderr).toBe(0)
    expect(two.exitCode, two.stderr).toBe(0)
    expect(one.stderr + two.stderr).toContain('waiting for another run')
    expect(await sh('pgrep -cx libvirtd')).toBe('1')
    expect((await script('down')).exitCode).toBe(0)
    expect(await leftovers()).toBe('')
  })
})
