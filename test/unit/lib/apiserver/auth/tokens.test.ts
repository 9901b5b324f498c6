// Tokens by the clock: good, expired, revoked, doubled; and the buckets of limits.
import { expect, it } from 'vitest'
import { limitKeyOf } from '../../../../../lib/apiserver/auth/client-certificate.ts'
import { hashOfToken, newToken, TokenIndex } from '../../../../../lib/apiserver/auth/tokens.ts'
import { RateLimit } from '../../../../../lib/rate-limit.ts'
import type { AccessToken } from '../../../../../schemas/index.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'

const object = (name: string, token: string, spec: Partial<AccessToken['spec']> = {}, more = {}): AccessToken => ({
  apiVersion: 'access.berth/v1',
  kind: 'AccessToken',
  metadata: { name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '', ...more },
  spec: { user: name, groups: ['g'], sha256: hashOfToken(token), ...spec },
})

it('knows whose a token is', () => {
  const tokens = new TokenIndex(new ManualClock())
  const token = newToken()
  expect(token).toMatch(/^[\w-]{43}$/)
  tokens.put(object('eve', token))
  expect(tokens.callerOf(token, '192.0.2.1')).toEqual({
    user: 'eve',
    groups: ['g', 'system:authenticated'],
    uid: 'uid-eve',
    via: 'token',
    credential: 'eve',
    expiresAt: null,
    client: '192.0.2.1',
  })
  for (const wrong of ['', `${token}x`, token.slice(1), hashOfToken(token), 'x'.repeat(10_000)])
    expect(() => tokens.callerOf(wrong, '')).toThrow('not valid')
})

it('refuses a token from its end on', async () => {
  const clock = new ManualClock(Date.parse('2026-01-01T00:00:00Z'))
  const tokens = new TokenIndex(clock)
  tokens.put(object('eve', 't', { expirationTimestamp: '2026-01-01T01:00:00+01:00' }))
  tokens.put(object('bob', 'u', { expirationTimestamp: '2026-01-01T00:00:01Z' }))
  expect(() => tokens.callerOf('t', '')).toThrow('the token "eve" expired at')
  expect(tokens.callerOf('u', '').user).toBe('bob')
  await clock.advance(999)
  expect(tokens.callerOf('u', '').user).toBe('bob')
  await clock.advance(1)
  expect(() => tokens.callerOf('u', '')).toThrow('expired')
})

it('forgets a token with its object, at the wish to delete it already', () => {
  const tokens = new TokenIndex(new ManualClock())
  const token = object('eve', 't')
  tokens.put(token)
  tokens.remove(token)
  expect(tokens.has('uid-eve')).toBe(false)
  expect(() => tokens.callerOf('t', '')).toThrow('revoked')
  tokens.put(object('eve', 't', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }))
  expect(() => tokens.callerOf('t', '')).toThrow('revoked')
})

it('a second object for the same token changes nothing', () => {
  const tokens = new TokenIndex(new ManualClock())
  const second = object('mallory', 't')
  tokens.put(object('eve', 't'))
  tokens.put(second)
  expect(tokens.callerOf('t', '').user).toBe('eve')
  tokens.remove(second)
  expect(tokens.callerOf('t', '').user).toBe('eve')
})

it('limits each key by itself, and refills with time', async () => {
  const clock = new ManualClock()
  const limit = new RateLimit({ clock, burst: 2, refillMs: 1_000, maxKeys: 2 })
  expect([limit.take('a'), limit.take('a'), limit.take('a'), limit.take('b')]).toEqual([true, true, false, true])
  expect(limit.waitMs('a')).toBe(1_000)
  await clock.advance(600)
  expect([limit.take('a'), limit.waitMs('a')]).toEqual([false, 400])
  await clock.advance(400)
  expect([limit.waitMs('a'), limit.take('a'), limit.take('a')]).toEqual([0, true, false])
  // Bounded memory: the one longest unused is forgotten.
  limit.take('c')
  expect(limit.waitMs('b')).toBe(0)
})

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('%s counts as %s', (address, key) => {
  expect(limitKeyOf(address)).toBe(key)
})
