// Typed parameters: libvirt's name-value lists, to and from plain objects; and calls that are made twice for them.

import type { LibvirtPool } from './pool.ts'
import type { CallOptions } from './pool-options.ts'
import type { Calls, TypedParam, TypedParamValue } from './protocol.gen.ts'

/** A value without its wire type. */
export type PlainValue = number | bigint | boolean | string
/** A value to send: plain where the type can be guessed, with its type where not, several for a repeated name. */
export type ParamInput = PlainValue | TypedParamValue | readonly (PlainValue | TypedParamValue)[]

/** Values whose wire type cannot be told from the JavaScript value. */
export const typed = {
  uint: (value: number): TypedParamValue => ({ type: 'uint', value }),
  /** libvirt's `LLONG`: signed 64 bit, such as `vcpu_quota`. */
  hyper: (value: bigint): TypedParamValue => ({ type: 'hyper', value }),
  double: (value: number): TypedParamValue => ({ type: 'double', value }),
} as const

/** Values by name. A name that comes several times keeps its last value. */
export function fromParams(params: readonly TypedParam[]): Readonly<Record<string, PlainValue>> {
  return Object.fromEntries(params.map(({ field, value }) => [field, value.value]))
}

function toValue(value: PlainValue | TypedParamValue): TypedParamValue {
  switch (typeof value) {
    case 'number':
      return { type: 'int', value }
    case 'bigint':
      return { type: 'uhyper', value }
    case 'boolean':
      return { type: 'bool', value }
    case 'string':
      return { type: 'string', value }
    default:
      return value
  }
}

/**
 * A list from an object: numbers become `int`, bigints `uhyper` (libvirt's `ULLONG`, its usual 64 bit type); other
 * types are said with `typed`. libvirt refuses a known name with a wrong type. Names with the value undefined are left out.
 */
export function toParams(values: Readonly<Record<string, ParamInput | undefined>>): TypedParam[] {
  return Object.entries(values).flatMap(([field, input]) => {
    if (input === undefined) return []
    const list: readonly (PlainValue | TypedParamValue)[] = Array.isArray(input) ? input : [input as PlainValue]
    return list.map((value) => ({ field, value: toValue(value) }))
  })
}

/** Calls that take and return a number of parameters. */
export type CountedName = {
  [N in keyof Calls]: Calls[N] extends { args: { nparams: number }; ret: { nparams: number } } ? N : never
}[keyof Calls]

/**
 * Makes a call twice, as libvirt wants it: once to learn how many parameters there are, once to get them. One call is
 * enough when there are none.
 */
export async function withParamCount<N extends CountedName>(
  pool: Pick<LibvirtPool, 'call'>,
  name: N,
  args: Omit<Calls[N]['args'], 'nparams'>,
  options: CallOptions = {},
): Promise<Calls[N]['ret']> {
  const call = (nparams: number) => pool.call(name, { ...args, nparams } as unknown as Calls[N]['args'], options)
  const first = await call(0)
  return first.nparams === 0 ? first : call(first.nparams)
}
