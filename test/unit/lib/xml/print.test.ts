import { describe, expect, it } from 'vitest'
import { at, attrOf, childrenOf, el, parseXml, printXml, textOf, XmlError } from '../../../../lib/xml/index.ts'

const HOSTILE = [
  '<&>"\'',
  ']]><x/>',
  '</name><name>evil',
  '&amp;lt;',
  '  blanks  ',
  'tab\tnewline\nreturn\rend',
  'emoji \u{1F600} and \u00A0',
  '<!-- -->',
  'a lost \uFFFD character',
  'other line ends \u0085 \u2028 \r\n',
  "' onload='",
]

describe('printing XML', () => {
  it('writes elements, attributes and text in the order given', () => {
    const tree = el('a', { z: 1, b: 2n, gone: undefined }, el('c'), undefined, [el('d', {}, 'text', 5)])
    expect(printXml(tree)).toBe('<a z="1" b="2">\n  <c/>\n  <d>text5</d>\n</a>\n')
  })

  it.each(HOSTILE)('gives %j back unchanged as text and as an attribute', (text) => {
    const back = parseXml(printXml(el('root', {}, el('x', { value: text }, text))))
    expect(textOf(at(back, 'x'))).toBe(text)
    expect(attrOf(at(back, 'x'), 'value')).toBe(text)
    expect(childrenOf(back)).toHaveLength(1)
  })

  it.each(['\u0000', '\u0008', '\u001F', '\uFFFE', '\uFFFF', '\uD800', 'x\uDC00y'])(
    'refuses the character in %j',
    (text) => {
      expect(() => printXml(el('a', {}, text))).toThrow(XmlError)
      expect(() => printXml(el('a', { b: text }))).toThrow(/U\+[0-9A-F]{4}, which XML cannot hold/)
    },
  )

  it.each(['', '1a', 'a b', 'a>', 'a:b:c', '-a', 'é'])('refuses %j as a name', (name) => {
    expect(() => printXml(el(name))).toThrow(XmlError)
    expect(() => printXml(el('ok', { [name]: 1 }))).toThrow(XmlError)
  })

  it('adds no white space to text beside elements', () => {
    expect(printXml(el('a', {}, 'x', el('b', {}, el('c')), 'y'))).toBe('<a>x<b>\n  <c/>\n</b>y</a>\n')
  })
})
