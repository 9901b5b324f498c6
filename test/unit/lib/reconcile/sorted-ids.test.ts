import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SortedIds } from '../../../../lib/reconcile/sorted-ids.ts'

/** Some thousand, so that pieces become two and are emptied. */
const numbers = fc.array(fc.nat(6_000), { minLength: 1, maxLength: 3_000 })
const idOf = (number: number): string => `vm-${number}`

test('however names come and go, it has them in order', () => {
  fc.assert(
    fc.property(numbers, numbers, fc.nat(6_000), fc.nat(6_000), fc.nat(4_000), (come, go, a, b, most) => {
      const ids = new SortedIds()
      const model = new Set<string>()
      for (const id of come.map(idOf)) {
        if (!model.has(id)) ids.add(id)
        model.add(id)
      }
      for (const id of go.map(idOf)) if (model.delete(id)) ids.delete(id)
      const sorted = [...model].sort()
      const [from = '', to = ''] = [idOf(a), idOf(b)].sort()
      expect(ids.all()).toEqual(sorted)
      expect(ids.all(from, to)).toEqual(sorted.filter((id) => id >= from && id < to))
      expect(ids.first(most)).toEqual(sorted.slice(0, most))
    }),
    { numRuns: 60 },
  )
})

test('all that came in order goes in order, and what is empty takes new ones', () => {
  const ids = new SortedIds()
  const all = Array.from({ length: 5_000 }, (_, number) => String(number).padStart(5, '0'))
  for (const id of all) ids.add(id)
  expect(ids.all()).toEqual(all)
  for (const id of all) ids.delete(id)
  expect(ids.all()).toEqual([])
  ids.add('one')
  expect(ids.first(2)).toEqual(['one'])
})
