import { describe, expect, it } from 'vitest'
import { KINDS, VIRTUAL_DISK, VIRTUAL_IMAGE, VIRTUAL_MACHINE } from '../../../schemas/index.ts'
import { dnsLabel, dnsSubdomain, dotlessName } from '../../../schemas/names.ts'

const long = (length: number) => 'a'.repeat(length)

describe.each([
  {
    check: dnsLabel,
    good: ['a', '0', 'a-b', long(63)],
    bad: ['', long(64), '-a', 'a-', 'A', 'a.b', 'a_b', 'é', 'a\n'],
  },
  {
    check: dnsSubdomain,
    good: ['a', 'a.b', 'a-b.c-d', long(253), `${long(100)}.${long(152)}`],
    bad: ['', long(254), '.', 'a..b', 'a.', '.a', 'a.-b', 'A', 'a_b', 'a/b', '..'],
  },
  { check: dotlessName, good: ['a', long(64), long(253)], bad: ['', long(254), 'a.b', '.'] },
])('$check.name', ({ check, good, bad }) => {
  it.each(good)('takes %s', (name) => expect(check(name)).toBeNull())
  it.each(bad)('refuses %j in words', (name) => expect(check(name)).toMatch(/\w+ \w+/))
})

describe('kinds', () => {
  it('limit the names of VMs to 63 characters', () => {
    expect(VIRTUAL_MACHINE.checkName(long(63))).toBeNull()
    expect(VIRTUAL_MACHINE.checkName(long(64))).toMatch(/no longer than 63 characters, has 64/)
  })
  it('refuse dots in the names of disks only', () => {
    expect(VIRTUAL_DISK.checkName('a.b')).toMatch(/must not contain "\."/)
    expect(VIRTUAL_IMAGE.checkName('a.b')).toBeNull()
  })
  it.each(KINDS.map((kind) => [kind.kind, kind] as const))('%s takes a plain name and no path', (_name, kind) => {
    expect(kind.checkName('plain-1')).toBeNull()
    for (const name of ['../etc', 'a/b', 'a%2fb', 'a b', '']) expect(kind.checkName(name)).not.toBeNull()
  })
})
