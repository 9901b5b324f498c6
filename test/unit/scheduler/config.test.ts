// The scheduler's configuration: complete without a key, unknown keys refused.
import { expect, it } from 'vitest'
import { toConfig } from '../../../scheduler/config.ts'
import { schedulerYaml } from '../../../scripts/gen-agent-yaml.ts'

it('is complete without a single key', () => {
  expect(toConfig(null)).toMatchObject({
    names: [],
    stateDir: '/var/lib/berth-scheduler',
    socketPath: '/run/berth/scheduler.sock',
    listen: ['127.0.0.1:8751'],
    log: { level: 'info' },
  })
})

it.each([
  [{ lisen: [] }, /^lisen: unknown key; did you mean listen\?$/],
  [{ nodeName: 'a' }, /^nodeName: unknown key/],
  [{ names: ['a b'] }, /^names\.0: /],
])('refuses %j', (document, message) => {
  expect(() => toConfig(document)).toThrow(message)
})

it('is written out in full for the package, as comments that set nothing', () => {
  expect(schedulerYaml()).toContain('#listen: ["127.0.0.1:8751"]')
  expect(
    schedulerYaml()
      .split('\n')
      .filter((line) => line !== '' && !line.trimStart().startsWith('#')),
  ).toEqual([])
})
