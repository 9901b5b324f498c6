import { expect, it } from 'vitest'
import { EventLines } from '../../../../../lib/apiserver/http/event-lines.ts'
import type { KubeObject } from '../../../../../lib/object.ts'

const object = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '5' },
})
const parsed = (bytes: Buffer) => JSON.parse(bytes.toString())

it('gives all watches of a change the same bytes', () => {
  const lines = new EventLines()
  const one = object('a')
  expect(lines.of('ADDED', one)).toBe(lines.of('ADDED', one))
  expect(parsed(lines.of('ADDED', one))).toEqual({ type: 'ADDED', object: one })
  expect(parsed(lines.of('MODIFIED', one))).toEqual({ type: 'MODIFIED', object: one })
})

it('shows what went with the revision at which it went', () => {
  const lines = new EventLines()
  const one = object('a')
  expect(lines.gone(one, 9n)).toBe(lines.gone(one, 9n))
  expect(parsed(lines.gone(one, 9n))).toMatchObject({ type: 'DELETED', object: { metadata: { resourceVersion: '9' } } })
  expect(one.metadata.resourceVersion).toBe('5')
})

it('ends every line', () => {
  expect(new EventLines().of('ADDED', object('a')).at(-1)).toBe(0x0a)
})

it('forgets the oldest', () => {
  const lines = new EventLines()
  const [first, ...others] = Array.from({ length: 300 }, (_, index) => object(`o${index}`))
  if (first === undefined) throw new Error('no first')
  const bytes = lines.of('ADDED', first)
  for (const other of others) lines.of('ADDED', other)
  expect(lines.of('ADDED', first)).not.toBe(bytes)
})
