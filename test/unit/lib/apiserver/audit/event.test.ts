import { expect, it } from 'vitest'
import { auditUri, brief, microTime } from '../../../../../lib/apiserver/audit/event.ts'

it('tells known parameters and hides the values of others', () => {
  expect(auditUri('/api/v1/nodes')).toBe('/api/v1/nodes')
  expect(auditUri('/api/v1/nodes?watch=true&resourceVersion=5')).toBe('/api/v1/nodes?watch=true&resourceVersion=5')
  expect(auditUri('/x?token=secret&limit=5')).toBe('/x?token=…&limit=5')
  expect(auditUri('/x?labelSelector=a%3Db')).toBe('/x?labelSelector=a%3Db')
})

it('cuts what is long', () => {
  expect(auditUri(`/${'a'.repeat(3_000)}`)).toHaveLength(513)
  expect(brief('short')).toBe('short')
})

it('has times as Kubernetes does', () => {
  expect(microTime(Date.parse('2026-01-01T00:00:00.123Z'))).toBe('2026-01-01T00:00:00.123000Z')
})
