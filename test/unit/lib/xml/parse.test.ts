import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { el, parseXml, printXml, type XmlElement, XmlError } from '../../../../lib/xml/index.ts'

describe('parsing XML', () => {
  it('reads elements, attributes, text, entities and namespaces; drops comments and white space between elements', () => {
    const xml = `<?xml version='1.0'?><!-- c -->
      <a x='1 &lt; 2'> <b>&#65;&amp;<![CDATA[<raw>]]></b> <n:c xmlns:n='urn:n'/> <!-- d --> </a>`
    expect(parseXml(xml)).toEqual({
      name: 'a',
      attrs: { x: '1 < 2' },
      children: [
        { name: 'b', attrs: {}, children: ['A&', '<raw>'] },
        { name: 'n:c', namespace: 'urn:n', attrs: { 'xmlns:n': 'urn:n' }, children: [] },
      ],
    })
  })

  it('reads a text that it has just read no second time; a long one, or one with other limits, each time', () => {
    const xml = '<once><b>1</b></once>'
    expect(parseXml(xml)).toBe(parseXml(xml))
    expect(parseXml(xml)).not.toBe(parseXml(xml.replace('1', '2')))
    expect(parseXml(xml, { maxLength: 100, maxDepth: 9 })).not.toBe(parseXml(xml))
    const long = `<a>${'x'.repeat(70_000)}</a>`
    expect(parseXml(long)).not.toBe(parseXml(long))
  })

  it('remembers few, those that were read last', () => {
    const text = (n: number) => `<few n='${n}'/>`
    const [first, used] = [parseXml(text(0)), parseXml(text(1))]
    for (let n = 2; n < 17; n++) {
      parseXml(text(n))
      parseXml(text(1))
    }
    expect(parseXml(text(1))).toBe(used)
    expect(parseXml(text(0))).not.toBe(first)
  })

  it('is not made to accept by what it has read', () => {
    const deep = '<a><b><c/></b></a>'
    parseXml(deep)
    expect(() => parseXml(deep, { maxLength: 100, maxDepth: 2 })).toThrow(XmlError)
  })

  it.each([
    ['nothing', ''],
    ['text only', 'hello'],
    ['an open element', '<a>'],
    ['crossed elements', '<a><b></a></b>'],
    ['an unquoted attribute', '<a b=c/>'],
    ['an attribute given twice', '<a b="1" b="2"/>'],
    ['an unknown entity', '<a>&x;</a>'],
    ['two roots', '<a/><b/>'],
    ['text before the root', 'x<a/>'],
    ['an unknown prefix', '<p:a/>'],
    ['a reference to a character that XML cannot hold', '<a>&#0;</a>'],
    ['a control character', '<a b="\u0001"/>'],
    ['a document type', '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'],
    ['a document type in small letters', '<!doctype a><a/>'],
  ])('refuses %s', (_what, xml) => {
    expect(() => parseXml(xml)).toThrow(XmlError)
  })

  it('refuses every truncation of a document', () => {
    const xml = printXml(
      el('domain', { type: 'kvm' }, el('name', {}, 'a & b'), el('devices', {}, el('x', { y: 1 }))),
    ).trim()
    for (let length = 0; length < xml.length; length++) {
      expect(() => parseXml(xml.slice(0, length)), xml.slice(0, length)).toThrow(XmlError)
    }
  })

  it('refuses what is longer or deeper than allowed', () => {
    const nested = (depth: number) => '<a>'.repeat(depth) + '</a>'.repeat(depth)
    expect(() => parseXml('<a/>', { maxLength: 3, maxDepth: 9 })).toThrow(/4 characters long, 3 are allowed/)
    expect(parseXml(nested(9), { maxLength: 99, maxDepth: 9 }).name).toBe('a')
    expect(() => parseXml(nested(10), { maxLength: 99, maxDepth: 9 })).toThrow(/nested too deeply/)
    expect(() => parseXml(nested(20_000))).toThrow(/nested too deeply/)
  })

  it('gives back any tree that can be printed', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/).filter((n) => n !== 'xml' && n !== 'xmlns')
    const text = fc
      .string({ unit: 'grapheme' })
      .filter((s) => !/[^\t\n\r -\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u.test(s))
    const attrs = fc.dictionary(name, text, { noNullPrototype: true })
    const leaf = fc.tuple(name, attrs, text).map(([n, a, t]) => el(n, a, t === '' ? undefined : t))
    const { tree } = fc.letrec<{ tree: XmlElement }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.tuple(name, attrs, fc.array(tie('tree'), { maxLength: 3 })).map(([n, a, below]) => el(n, a, below)),
      ),
    }))
    const roundTrip = fc.property(tree, (t) => {
      expect(parseXml(printXml(t))).toEqual(t)
    })
    fc.assert(roundTrip, { numRuns: 500 })
  })
})
