// The protocol's facts as the tests read them: straight from the data file, past the generated tables; and an
// independent encoder and generator of values for them.

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { cat, list, none, opaque, some, str, u32, u64, uuid, zeroes } from './bytes.ts'

export type Field = readonly [name: string, word: string]
export interface ProcedureFacts {
  readonly number: number
  readonly args?: readonly Field[]
  readonly ret?: readonly Field[]
  readonly msg?: readonly Field[]
  readonly fds?: boolean
  readonly stream?: string
}
interface ProgramFacts {
  readonly program: string
  readonly types: Readonly<Record<string, readonly Field[] | string>>
  readonly procedures: Readonly<Record<string, ProcedureFacts>>
}

const file = new URL('../../../../lib/libvirt/data/libvirt-rpc.json', import.meta.url)
export const facts = JSON.parse(readFileSync(file, 'utf8')) as { remote: ProgramFacts; qemu: ProgramFacts }
export const procedures: readonly (readonly [string, ProcedureFacts, number])[] = [facts.remote, facts.qemu].flatMap(
  (program) => Object.entries(program.procedures).map(([name, row]) => [name, row, Number(program.program)] as const),
)

const PARAMS = ['int', 'uint', 'hyper', 'uhyper', 'double', 'bool', 'string']
const layoutOf = (word: string): readonly Field[] => {
  const layout = facts.remote.types[word]
  if (!Array.isArray(layout)) throw new Error(`no layout for ${word}`)
  return layout as readonly Field[]
}

/** Bytes of a value by its type word. */
export function bytesOf(word: string, value: unknown): Buffer {
  if (word.endsWith('?')) return value === null ? none : some(bytesOf(word.slice(0, -1), value))
  if (word === 'opaque<>') return opaque(value as Uint8Array)
  if (word === 'char<>') return list(...[...(value as Uint8Array)].map((byte) => u32(byte > 127 ? byte - 256 : byte)))
  if (word === 'char[32]')
    return cat(
      ...[...Buffer.from(value as string)].map((b) => u32(b > 127 ? b - 256 : b)),
      zeroes(4 * (32 - Buffer.byteLength(value as string))),
    )
  if (word.endsWith('<>')) return list(...(value as unknown[]).map((item) => bytesOf(word.slice(0, -2), item)))
  if (word === 'string') return str(value as string)
  if (word === 'UUID') return uuid(value as string)
  if (word === 'hyper' || word === 'uhyper') return u64(value as bigint)
  if (word === 'double') {
    const bytes = Buffer.alloc(8)
    new DataView(bytes.buffer, bytes.byteOffset).setFloat64(0, value as number)
    return bytes
  }
  if (word === 'bool') return u32(value ? 1 : 0)
  if (word === 'TypedParamValue') {
    const { type, value: inner } = value as { type: string; value: unknown }
    return cat(u32(PARAMS.indexOf(type) + 1), bytesOf(type, inner))
  }
  if (['int', 'uint', 'char', 'uchar', 'uint16', 'AuthType'].includes(word)) return u32(value as number)
  return fieldBytes(layoutOf(word), value)
}

export const fieldBytes = (fields: readonly Field[], value: unknown): Buffer =>
  cat(...fields.map(([name, word]) => bytesOf(word, (value as Record<string, unknown>)[name])))

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  int: [-(2 ** 31), 2 ** 31 - 1],
  AuthType: [0, 2],
  uint: [0, 2 ** 32 - 1],
  char: [-128, 127],
  uchar: [0, 255],
  uint16: [0, 65_535],
}
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !value.includes('\0'))
const bytes = fc.uint8Array({ maxLength: 9 }).map((value) => Uint8Array.from(value))

/** Values of a type word. */
export function arbitrary(word: string): fc.Arbitrary<unknown> {
  const range = RANGES[word]
  if (range !== undefined) return fc.integer({ min: range[0], max: range[1] })
  if (word.endsWith('?')) return fc.option(arbitrary(word.slice(0, -1)), { nil: null })
  if (word === 'opaque<>' || word === 'char<>') return bytes
  if (word === 'char[32]') return fc.string({ maxLength: 31 }).filter((value) => !value.includes('\0'))
  if (word.endsWith('<>')) return fc.array(arbitrary(word.slice(0, -2)), { maxLength: 3 })
  if (word === 'string') return text
  if (word === 'UUID') return fc.uuid()
  if (word === 'hyper') return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
  if (word === 'uhyper') return fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  if (word === 'double') return fc.double({ noNaN: true })
  if (word === 'bool') return fc.boolean()
  if (word === 'TypedParamValue') {
    return fc.constantFrom(...PARAMS).chain((type) => arbitrary(type).map((value) => ({ type, value })))
  }
  return fieldsArbitrary(layoutOf(word))
}

export const fieldsArbitrary = (fields: readonly Field[]): fc.Arbitrary<unknown> =>
  fc.record(Object.fromEntries(fields.map(([name, word]) => [name, arbitrary(word)])), { noNullPrototype: true })
