import { expect, it } from 'vitest'
import { brokenAt } from '../../../../agent/migration/broken.ts'
import type { BindingMigrationStatus, HostBinding } from '../../../../schemas/index.ts'

const AT = '2026-01-01T00:00:00.250Z'
const after = (migration: Partial<BindingMigrationStatus>): HostBinding =>
  ({ status: { migration: { id: 'm', endTime: AT, ...migration } } }) as HostBinding

it.each([
  ['a post-copy broke', after({ phase: 'Failed', reason: 'PostCopyFailed' }), Date.parse(AT)],
  ['it was decided that it starts anew', after({ phase: 'Failed', reason: 'StartedAnew' }), Date.parse(AT)],
  ['it goes on here', after({ phase: 'Failed', reason: 'TargetFailed' }), null],
  ['it is elsewhere', after({ phase: 'Cleaned' }), null],
  ['it broke at its target, where it never ran', after({ phase: 'Committed', reason: 'PostCopyFailed' }), null],
  ['no end is known', after({ phase: 'Failed', reason: 'PostCopyFailed', endTime: null }), null],
  ['it never moved', {} as HostBinding, null],
  ['no scheduler has a say in it', null, null],
])('%s', (_, binding, at) => {
  expect(brokenAt(binding)).toBe(at)
})
