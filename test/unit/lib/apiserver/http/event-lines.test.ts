import { expect, it } from 'vitest'
import { EventLines } from '../../../../../lib/apiserver/http/event-lines.ts'
import type { KubeObject } from '../../../../../lib/object.ts'
import { NAMESPACE } from '../../../../../schemas/index.ts'

const [VERSION] = NAMESPACE.versions
if (VERSION === undefined) throw new Error('no version')
const SERVED = { kind: NAMESPACE, version: VERSION }

const object = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '5' },
})
const parsed = (bytes: Buffer) => JSON.parse(bytes.toString())

it('gives all watches of a change the same bytes', () => {
  const lines = new EventLines()
  const one = object('a')
  expect(lines.of(SERVED, 'ADDED', one)).toBe(lines.of(SERVED, 'ADDED', one))
  expect(parsed(lines.of(SERVED, 'ADDED', one))).toEqual({ type: 'ADDED', object: one })
  expect(parsed(lines.of(SERVED, 'MODIFIED', one))).toEqual({ type: 'MODIFIED', object: one })
})

it('shows what went with the revision at which it went', () => {
  const lines = new EventLines()
  const one = object('a')
  expect(lines.gone(SERVED, one, 9n)).toBe(lines.gone(SERVED, one, 9n))
  expect(parsed(lines.gone(SERVED, one, 9n))).toMatchObject({
    type: 'DELETED',
    object: { metadata: { resourceVersion: '9' } },
  })
  expect(one.metadata.resourceVersion).toBe('5')
})

it('ends every line', () => {
  expect(new EventLines().of(SERVED, 'ADDED', object('a')).at(-1)).toBe(0x0a)
})

it('forgets the oldest', () => {
  const lines = new EventLines()
  const [first, ...others] = Array.from({ length: 300 }, (_, index) => object(`o${index}`))
  if (first === undefined) throw new Error('no first')
  const bytes = lines.of(SERVED, 'ADDED', first)
  for (const other of others) lines.of(SERVED, 'ADDED', other)
  expect(lines.of(SERVED, 'ADDED', first)).not.toBe(bytes)
})
