import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { isShallow } from '../../../../../lib/apiserver/http/yaml-depth.ts'

/** A document of so many levels. */
const nested = (levels: number): unknown =>
  levels === 0 ? 'leaf' : levels % 2 ? [nested(levels - 1)] : { key: nested(levels - 1) }

describe('a text is shallow', () => {
  it.each([
    ['nothing', ''],
    ['an object of this API', stringify({ a: { b: [{ c: [1, 2], d: { e: null } }] } })],
    ['60 levels of blocks', stringify(nested(60))],
    ['60 levels in a line', JSON.stringify(nested(60))],
    ['many fields and items', 'a: [1, {b: 2}]\n- x\n'.repeat(500)],
    [
      'brackets in texts',
      `a: "${'['.repeat(500)}"\nb: '${'{'.repeat(500)}'\nc: |\n  ${'['.repeat(500)}\nd: >-\n  ${'- '.repeat(500)}\ne: x${'['.repeat(500)}\n`,
    ],
    ['a script in a block', `a: |\n${`${' '.repeat(300)}if [[ x ]]; then {\n`.repeat(200)}b: 1\n`],
    ['many blocks of text', 'a: |\n  x\n  y\n'.repeat(300)],
    ['a comment far to the right', `a: 1${' '.repeat(500)}# [[[\n`],
  ])('%s', (_what, text) => expect(isShallow(text)).toBe(true))
})

describe('a text is deep', () => {
  it.each([
    ['lists in a line', '['.repeat(65)],
    ['mappings in a line', '{a: '.repeat(65)],
    ['lists over lines', '[\n'.repeat(65)],
    ['lists of lists', `${'- '.repeat(65)}x`],
    ['keys of keys', `${'? '.repeat(65)}x`],
    ['mappings of mappings', 'a: '.repeat(65)],
    ['lists with names', '- &a '.repeat(65)],
    ['blocks', Array.from({ length: 300 }, (_, level) => `${' '.repeat(level)}a:\n`).join('')],
    ['flow in blocks', `a:\n  - b: ${'['.repeat(65)}`],
  ])('%s', (_what, text) => expect(isShallow(text)).toBe(false))
})
