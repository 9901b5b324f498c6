import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FairLine } from '../../../lib/fair-line.ts'

const drain = (line: FairLine): string[] => {
  const taken: string[] = []
  for (let next = line.take(); next !== undefined; next = line.take()) taken.push(next)
  return taken
}

const filled = (members: readonly (readonly [string, string])[]): FairLine => {
  const line = new FairLine()
  for (const [member, group] of members) line.add(member, group)
  return line
}

test('groups take turns, members of one come in order', () => {
  const line = filled([
    ['a1', 'a'],
    ['a2', 'a'],
    ['a3', 'a'],
    ['b1', 'b'],
    ['c1', 'c'],
    ['b2', 'b'],
  ])
  expect(drain(line)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
})

test('a group that comes back has no turn before those that waited', () => {
  const line = filled([
    ['a1', 'a'],
    ['b1', 'b'],
    ['b2', 'b'],
  ])
  expect([line.take(), line.take()]).toEqual(['a1', 'b1'])
  line.add('a2', 'a')
  expect(drain(line)).toEqual(['b2', 'a2'])
})

test('whatever comes, goes and is taken: each once, and the number ahead is the number taken before', () => {
  const groups = fc.constantFrom('a', 'b', 'c', 'd')
  const members = fc.uniqueArray(fc.tuple(fc.nat(60).map(String), groups), { selector: ([member]) => member })
  fc.assert(
    fc.property(members, fc.nat(20), fc.array(fc.nat(60).map(String)), (all, taken, gone) => {
      const line = filled(all)
      const first = Array.from({ length: taken }, () => line.take()).filter((member) => member !== undefined)
      for (const member of gone) line.delete(member)
      const left = all.map(([member]) => member).filter((member) => !first.includes(member) && !gone.includes(member))
      expect(line.size).toBe(left.length)
      const ahead = new Map(left.map((member) => [member, line.ahead(member)]))
      const rest = drain(line)
      expect(rest.toSorted()).toEqual(left.toSorted())
      expect(rest.map((member) => ahead.get(member))).toEqual(rest.map((_, place) => place))
    }),
  )
})
