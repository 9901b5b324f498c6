// docs/operations.md and the words that the code can say are the same list. The compiler sees to it that only declared words are said;
// this sees to it that every declaration is in the document, and that nothing is declared that is never said.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { HOST_CHECKS } from '../../agent/host/checks/run.ts'
import { CHECK_REASONS } from '../../agent/host/node-conditions.ts'
import { CAUSE_ADVICE, STATUS_ADVICE } from '../../lib/errors.ts'
import { alerts, CONDITIONS, EVENTS, operationsDoc } from '../../scripts/gen-operations-doc.ts'

const SOURCES = ['agent', 'scheduler', 'cli', 'lib', 'schemas'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.gen.ts'))
    .map((name) => {
      const path = join(folder, name)
      return { path, text: readFileSync(path, 'utf8') }
    }),
)

/** Where words are declared with their meaning; saying them is done elsewhere. */
const DECLARES = /(^|\/)(conditions|namespace-conditions|node-conditions|events)\.ts$/
const saying = SOURCES.filter(({ path }) => !DECLARES.test(path))
const isSaid = (word: string): boolean => saying.some(({ text }) => text.includes(`'${word}'`))

it('is the document that the tables make: npx tsx scripts/gen-operations-doc.ts > docs/operations.md', () => {
  expect(readFileSync('docs/operations.md', 'utf8')).toBe(operationsDoc())
})

it('has every table of conditions and events that the code declares', () => {
  const declared = (what: string): number =>
    SOURCES.reduce((sum, { text }) => sum + [...text.matchAll(new RegExp(`= ${what}\\(`, 'g'))].length, 0)
  expect(new Set(CONDITIONS).size).toBe(declared('defineConditions'))
  expect(new Set(EVENTS).size).toBe(declared('defineEvents'))
})

it('declares no condition, reason or event that is never said', () => {
  const words = [
    ...CONDITIONS.flatMap(({ table }) =>
      Object.entries(table).flatMap(([type, { reasons }]) => [type, ...Object.keys(reasons)]),
    ),
    ...EVENTS.flatMap((table) => Object.keys(table)),
    ...Object.keys(CHECK_REASONS),
    ...Object.keys(STATUS_ADVICE),
    ...Object.keys(CAUSE_ADVICE),
  ]
  expect(words.filter((word) => !isSaid(word))).toEqual([])
})

it('says of everything what it means, in sentences', () => {
  const advice = [
    ...CONDITIONS.flatMap(({ table }) =>
      Object.values(table).flatMap(({ means, reasons }) => [{ means }, ...Object.values(reasons)]),
    ),
    ...EVENTS.flatMap((table) => Object.values(table)),
    ...HOST_CHECKS.map((check) => check.advice),
    ...Object.values(CHECK_REASONS),
    ...Object.values(STATUS_ADVICE),
    ...Object.values(CAUSE_ADVICE),
  ]
  const texts = advice.flatMap(({ means, todo }: { means: string; todo?: string }) => [means, todo ?? 'Nothing.'])
  expect(texts.filter((text) => !/^\S.*\.$/.test(text))).toEqual([])
})

it('says of every alert what to do', () => {
  const silent = alerts().filter(({ annotations }) => (annotations.description ?? '') === '')
  expect(silent.map(({ alert }) => alert)).toEqual([])
})
