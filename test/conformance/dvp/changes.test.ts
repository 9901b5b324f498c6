// DVP's own pairs of specs: the action and the paths that it expects of each.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { compareSpecs, type SpecChange } from '../../../schemas/virtualmachine/changes.ts'
import type { SpecFragment } from '../../../schemas/virtualmachine/changes-values.ts'

const FOLDER = new URL('../../fixtures/dvp-documents/changes/', import.meta.url)

const ACTIONS = { ActionNone: 'None', ActionApplyImmediate: 'ApplyImmediate', ActionRestart: 'Restart' } as const
const OPERATIONS: Readonly<Record<string, string>> = {
  ChangeAdd: 'add',
  ChangeRemove: 'remove',
  ChangeReplace: 'replace',
}

function readPair(file: string) {
  const [header = '', current = '', desired = ''] = readFileSync(new URL(file, FOLDER), 'utf8').split(/^---$/m)
  const [, expected = '', paths = ''] = /^# expected: (\S+) paths: (.*)$/m.exec(header) ?? []
  return {
    title: /^# title: (.*)$/m.exec(header)?.[1] ?? file,
    gates: /^# feature gates: (.*)$/m.exec(header)?.[1],
    action: Object.entries(ACTIONS).find(([name]) => name === expected)?.[1] ?? null,
    expected,
    changes: [...paths.matchAll(/(\S+) (Change\w+)/g)].map(([, path, operation = '']) => ({
      path,
      operation: OPERATIONS[operation],
    })),
    current: (parse(current) ?? {}) as SpecFragment,
    desired: (parse(desired) ?? {}) as SpecFragment,
  }
}

const RANK = ['None', 'ApplyImmediate', 'Restart']

/** DVP says one action for all changes together. */
const strongestAction = (changes: readonly SpecChange[]): string =>
  RANK.findLast((action) => changes.some((change) => change.action === action)) ?? 'None'

const pairs = readdirSync(FOLDER).map(readPair)

it('reads all pairs that hold without feature gates', () => {
  expect(pairs).toHaveLength(17)
  expect(new Set(pairs.map(({ gates }) => gates))).toEqual(new Set(['-']))
})

describe.each(pairs)('$title', ({ action, expected, changes, current, desired }) => {
  const found = compareSpecs(current, desired)

  it(`is ${expected}`, () => {
    if (action === null) {
      expect(expected).toBe('assertNoChanges')
      expect(found).toEqual([])
      return
    }
    expect(strongestAction(found)).toBe(action)
    expect(found.map(({ path, operation }) => ({ path, operation }))).toEqual(changes)
  })
})
