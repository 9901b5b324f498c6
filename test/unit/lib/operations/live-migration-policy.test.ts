import { expect, it } from 'vitest'
import { forceFor, judgePolicy } from '../../../../lib/operations/live-migration-policy.ts'

it.each([
  ['AlwaysSafe', undefined, false],
  ['AlwaysSafe', false, false],
  ['AlwaysSafe', true, /never slows/],
  ['PreferSafe', undefined, false],
  ['PreferSafe', false, false],
  ['PreferSafe', true, true],
  ['AlwaysForced', undefined, /agree to it with spec.force/],
  ['AlwaysForced', false, /agree to it with spec.force/],
  ['AlwaysForced', true, true],
  ['PreferForced', undefined, true],
  ['PreferForced', false, false],
  ['PreferForced', true, true],
] as const)('%s with force %s', (policy, force, expected) => {
  const verdict = judgePolicy(policy, force)
  if (typeof expected === 'boolean') expect(verdict).toEqual({ ok: true, autoConverge: expected })
  else expect(verdict).toEqual({ ok: false, message: expect.stringMatching(expected) })
})

it.each(['AlwaysSafe', 'PreferSafe', 'AlwaysForced', 'PreferForced'] as const)(
  'a move that the cluster asks for agrees to %s',
  (policy) => {
    expect(judgePolicy(policy, forceFor(policy)).ok).toBe(true)
  },
)
