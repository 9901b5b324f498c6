import { expect, it } from 'vitest'
import { Tries } from '../../../../../agent/controllers/virtualmachine/tries.ts'

const VM = 'u1'
const ATTACH = { do: 'attach-device', uid: 'd1' } as const
const DETACH = { do: 'detach-device', uid: 'd1' } as const

it('knows nothing of a machine with which nothing was tried', () => {
  expect(new Tries().of(VM)).toEqual({ lastSignal: null, lastResume: null, attempts: new Map() })
})

it('tells the first signal of a stop from the next ones, until the machine is off', () => {
  const tries = new Tries()
  expect([tries.signals(VM, 1), tries.signals(VM, 2)]).toEqual([true, false])
  tries.isIn(VM, 'running')
  expect(tries.of(VM).lastSignal).toBe(2)
  tries.isIn(VM, 'shutoff')
  expect(tries.of(VM).lastSignal).toBeNull()
  expect(tries.signals(VM, 3)).toBe(true)
})

it('tells the first time that a guest is let go on, until it runs', () => {
  const tries = new Tries()
  expect([tries.resumes(VM, 1), tries.resumes(VM, 2)]).toEqual([true, false])
  tries.isIn(VM, 'paused')
  expect(tries.of(VM).lastResume).toBe(2)
  tries.isIn(VM, 'running')
  expect(tries.of(VM).lastResume).toBeNull()
})

it('counts tries with a device from the first one, and says what is news about it', () => {
  const tries = new Tries()
  const attempt = (at: number, fault: string | null) => tries.device(VM, ATTACH, fault, at)
  expect([attempt(1, 'no'), attempt(2, 'no'), attempt(3, 'never')]).toEqual([true, false, true])
  expect(tries.of(VM).attempts.get('d1')).toEqual({ step: 'attach-device', since: 1, at: 3, fault: 'never' })
  expect(attempt(4, null)).toBe(false)
})

it('a device that is to go after it was to come is tried anew', () => {
  const tries = new Tries()
  tries.device(VM, ATTACH, null, 1)
  expect(tries.device(VM, DETACH, null, 5)).toBe(true)
  expect(tries.of(VM).attempts.get('d1')).toEqual({ step: 'detach-device', since: 5, at: 5, fault: null })
})

it('forgets devices that have come or gone, and all of a machine that is off', () => {
  const tries = new Tries()
  tries.device(VM, ATTACH, null, 1)
  tries.device(VM, { ...ATTACH, uid: 'd2' }, null, 1)
  tries.keepOnly(VM, new Set(['d2']))
  expect([...tries.of(VM).attempts.keys()]).toEqual(['d2'])
  tries.isIn(VM, null)
  expect(tries.of(VM).attempts.size).toBe(0)
})

it('keeps machines apart', () => {
  const tries = new Tries()
  tries.signals(VM, 1)
  tries.isIn('u2', 'shutoff')
  expect(tries.of(VM).lastSignal).toBe(1)
  expect(tries.of('u2').lastSignal).toBeNull()
})
