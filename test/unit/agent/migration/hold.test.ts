import { expect, it } from 'vitest'
import { holdOf } from '../../../../agent/migration/hold.ts'
import { mayFollow } from '../../../../agent/migration/records.ts'
import type { HostBinding, MigrationPhase } from '../../../../schemas/index.ts'

const binding = (
  side: 'Source' | 'Target',
  phase: MigrationPhase | null,
  more: { readonly id?: string; readonly endTime?: string; readonly role?: 'Owner' | 'Target' | 'Released' } = {},
): HostBinding => ({
  apiVersion: 'cluster.berth/v1',
  kind: 'HostBinding',
  metadata: { name: 'u' } as HostBinding['metadata'],
  spec: {
    subject: { resource: 'virtualmachines.virtualization.deckhouse.io', namespace: 'default', name: 'web', uid: 'u' },
    epoch: 2,
    role: more.role ?? 'Owner',
    ruler: { instance: 'i', term: 1, revision: '1' },
    migration: { id: 'm', side, peer: { node: 'h2', url: 'https://h2:1' }, epoch: 2, options: {} },
  },
  ...(phase === null
    ? {}
    : { status: { migration: { id: more.id ?? 'm', phase, ...(more.endTime ? { endTime: more.endTime } : {}) } } }),
})

it.each([
  ['a machine that is not under way', binding('Source', null), false],
  ['the source while it prepares', binding('Source', 'Prepared'), false],
  ['the source while it sends', binding('Source', 'Transferring'), true],
  ['the source while the target decides', binding('Source', 'Finishing'), true],
  ['the source of a machine that is gone', binding('Source', 'Committed'), true],
  ['the source after that', binding('Source', 'Cleaned'), true],
  ['the source of a machine that stayed', binding('Source', 'Failed'), false],
  ['words about an older migration', binding('Source', 'Committed', { id: 'older' }), false],
  ['the target before anything', binding('Target', null), true],
  ['the target while it waits', binding('Target', 'Prepared'), true],
  ['the target before the guest runs', binding('Target', 'Committed'), true],
  ['the target once it runs', binding('Target', 'Committed', { endTime: '2026-01-01T00:00:00Z' }), false],
  ['the target that could not', binding('Target', 'Failed', { endTime: '2026-01-01T00:00:00Z' }), true],
  ['what was released', binding('Source', 'Committed', { role: 'Released' }), false],
])("%s is held from the machine's own controller: %s", (_title, object, held) => {
  expect(holdOf(object) !== null).toBe(held)
})

it.each([
  ['Source', 'Transferring', 'Finishing'],
  ['Target', 'Prepared', 'Committed'],
] as const)(
  'says the same at the %s while the guest is handed over: nothing is written for it',
  (side, before, after) => {
    const words = [before, after].map((phase) => holdOf(binding(side, phase))?.message)
    expect(words[0]).toBe(words[1])
    expect(words[0]).toContain('h2')
  },
)

it('no binding, no hold', () => {
  expect(holdOf(null)).toBeNull()
})

it('what was decided stays decided', () => {
  const all: readonly MigrationPhase[] = [
    'Preparing',
    'Prepared',
    'Transferring',
    'Finishing',
    'Committed',
    'Cleaned',
    'Failed',
  ]
  for (const after of all) {
    expect(mayFollow(null, after)).toBe(true)
    expect(mayFollow('Finishing', after)).toBe(!['Preparing', 'Prepared', 'Transferring'].includes(after))
    expect(mayFollow('Failed', after)).toBe(after === 'Failed')
    expect(mayFollow('Committed', after)).toBe(after === 'Committed' || after === 'Cleaned')
    expect(mayFollow('Cleaned', after)).toBe(after === 'Cleaned')
  }
})
