import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSealer, Sealer } from '../../../../lib/store/sealer.ts'
import { scratch } from '../../../support/scratch.ts'
import { key, refusal } from './fixtures.ts'

const sealer = new Sealer(Buffer.alloc(32, 1))
const place = key('a', 'default', 'secrets')

test('what was sealed opens in its own place, and never looks the same twice', () => {
  for (const text of ['', 'x', '{"password":"пароль"}', 'long '.repeat(10_000)]) {
    const sealed = sealer.seal(place, 'data', text)
    expect(sealer.open(place, 'data', sealed)).toBe(text)
    expect(sealer.seal(place, 'data', text)).not.toBe(sealed)
    if (text.length > 1) expect(sealed).not.toContain(text)
  }
})

test('it opens nowhere else: other object, namespace, resource, field or key', () => {
  const sealed = sealer.seal(place, 'data', 'secret')
  const elsewhere = [key('b', 'default', 'secrets'), key('a', 'other', 'secrets'), key('a', 'default', 'nodes')]
  for (const other of elsewhere) expect(() => sealer.open(other, 'data', sealed)).toThrow('cannot be decrypted')
  expect(() => sealer.open(place, 'stringData', sealed)).toThrow('cannot be decrypted')
  expect(() => new Sealer(Buffer.alloc(32, 2)).open(place, 'data', sealed)).toThrow('cannot be decrypted')
})

test('every changed, missing or added byte is noticed', () => {
  const sealed = sealer.seal(place, 'data', 'secret')
  const prefix = sealed.slice(0, sealed.lastIndexOf(':') + 1)
  const bytes = Buffer.from(sealed.slice(prefix.length), 'base64')
  const open = (changed: Buffer) => () => sealer.open(place, 'data', prefix + changed.toString('base64'))
  expect(open(bytes)()).toBe('secret')
  for (let index = 0; index < bytes.length; index++) {
    const changed = Buffer.from(bytes)
    changed[index] = (changed[index] ?? 0) ^ 1
    expect(open(changed)).toThrow('cannot be decrypted')
    expect(open(bytes.subarray(0, index))).toThrow('cannot be decrypted')
  }
  expect(open(Buffer.concat([bytes, Buffer.of(0)]))).toThrow('cannot be decrypted')
})

test('what is not sealed at all is refused, without saying what it is', () => {
  for (const value of ['plain-password', { a: 'plain-password' }, null, 7]) {
    expect(() => sealer.open(place, 'data', value)).toThrow('data of secrets default/a is not encrypted in the store')
  }
})

test('the key file is made once, complete, for its owner only', () => {
  const dir = scratch()
  const path = join(dir, 'secret.key')
  expect(() => openSealer(path, false)).toThrow(refusal('unavailable'))
  const first = openSealer(path, true)
  const bytes = readFileSync(path)
  expect([bytes.length, statSync(path).mode & 0o777, readdirSync(dir)]).toEqual([32, 0o600, ['secret.key']])
  const sealed = first.seal(place, 'data', 'secret')
  expect(openSealer(path, true).open(place, 'data', sealed)).toBe('secret')
  expect(readFileSync(path)).toEqual(bytes)
})

test('a key file that others may read or that cannot be one is refused', () => {
  const dir = scratch()
  const path = join(dir, 'secret.key')
  writeFileSync(path, Buffer.alloc(32), { mode: 0o644 })
  expect(() => openSealer(path, true)).toThrow('accessible to others (mode 644); make it 0600')
  chmodSync(path, 0o600)
  writeFileSync(path, 'short')
  expect(() => openSealer(path, true)).toThrow('5 bytes instead of 32')
  mkdirSync(join(dir, 'folder'), { mode: 0o700 })
  expect(() => openSealer(join(dir, 'folder'), true)).toThrow(refusal('unavailable'))
  expect(() => openSealer(join(dir, 'absent', 'key'), true)).toThrow('cannot be made')
  expect(() => new Sealer(Buffer.alloc(16))).toThrow(RangeError)
})
