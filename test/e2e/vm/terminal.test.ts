// `berth console` as a person uses it: on a terminal, to a prompt, with Ctrl-] to leave, and taking over from somebody else.
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { keepEvidence, type Lab, sharedLab } from '../../support/lab.ts'
import { ROOT } from '../../support/lab-place.ts'
import { Space } from '../../support/space.ts'
import { waitFor } from '../../support/wait.ts'

const CTRL_BRACKET = '\x1d'

let lab: Lab
let space: Space

beforeAll(async () => {
  lab = await sharedLab()
  space = await Space.make(lab, 'terminal')
})
beforeEach((context) => keepEvidence(context, lab.hosts))
afterAll(async () => {
  await space.remove()
  await lab.close()
})

/** `berth …` on a pseudo-terminal, which `script` makes. */
function terminal(...args: readonly string[]) {
  const command = [join(ROOT, 'bin/berth'), '--socket', space.host.socket, '-n', space.namespace, ...args]
  // The shell's words are fixed or made here: nothing in them needs quotes.
  const child = execa('script', ['-q', '-e', '-c', command.join(' '), '/dev/null'], {
    reject: false,
    timeout: 170_000,
    env: { TERM: 'dumb' },
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
  })
  return {
    type: (keys: string) => child.stdin.write(keys),
    see: (pattern: RegExp, seconds = 120) =>
      waitFor(
        `${pattern} on the terminal`,
        seconds,
        () => pattern.exec(text),
        () => JSON.stringify(text.slice(-1500)),
      ),
    left: async () => (await child).exitCode,
  }
}

it('shows the guest its boot and a prompt, answers, leaves with Ctrl-], and hands over when asked', async () => {
  await space.vm('seen')
  const first = terminal('console', 'seen')
  await first.see(/Connected to seen\. Ctrl-\] leaves/)
  await first.see(/GUEST-READY host=guest/)
  await waitFor('a prompt', 60, async () => {
    first.type('\r')
    return await first.see(/guest# /, 1)
  })
  first.type('echo answer-$((6*7))\r')
  await first.see(/answer-42/)

  const second = terminal('console', 'seen')
  await second.see(/The console of seen is held by .* Take it over/)
  second.type('y\r')
  await second.see(/Connected to seen/)
  await first.see(/The console of seen ended: .*\s+Reconnect with: berth console seen/)
  await first.left()
  second.type('\recho second-$((6*7))\r')
  await second.see(/second-42/)
  second.type(CTRL_BRACKET)
  await second.see(/Left the console of seen/)
  expect(await second.left()).toBe(0)
  expect(await space.qemuPid('seen')).toBeGreaterThan(0)
})
