// Procedures and messages by name: their numbers and codecs, compiled from the generated tables when first used.

import {
  array,
  type Codec,
  charArray,
  chars,
  opaque,
  optional,
  primitives,
  string,
  struct,
  typedValue,
} from './codec.ts'
import {
  type Calls,
  layouts,
  limits,
  type Messages,
  type ProcedureRow,
  type ProgramTable,
  qemuProgram,
  remoteProgram,
  type StreamCalls,
  type StreamDirection,
} from './protocol.gen.ts'

/** A plain call by libvirt's name. */
export type CallName = keyof Calls
/** A call that opens a stream. */
export type StreamName = keyof StreamCalls
/** Every callable procedure. */
export type ProcedureName = CallName | StreamName
export type MessageName = keyof Messages

type Signatures = Calls & StreamCalls
export type ArgsOf<N extends ProcedureName> = Signatures[N]['args']
export type ResultOf<N extends ProcedureName> = Signatures[N]['ret']

/** A procedure ready for use. */
export interface Procedure {
  readonly name: string
  readonly program: number
  readonly version: number
  readonly number: number
  readonly args: Codec
  readonly ret: Codec
  readonly stream: StreamDirection | undefined
}

/** A message ready for decoding. */
export interface Message {
  readonly name: MessageName
  readonly codec: Codec
}

const NODE_DEVICE_LISTS = ['NodeListDevices', 'ConnectListAllNodeDevices']

/** How many items an array field may have; `owner` is the procedure or named type that the field belongs to. */
function listLimit(owner: string, word: string): number {
  if (owner === 'DomainStatsRecord') return limits.stats
  if (NODE_DEVICE_LISTS.includes(owner)) return limits.nodeDeviceList
  if (word === 'TypedParam<>' && owner.startsWith('DomainMigrate')) return limits.migrateParams
  return limits.list
}

/** Codecs of one protocol, each compiled once. Share one among connections. */
export class Protocol {
  readonly #procedures = new Map<string, Procedure>()
  readonly #messages = new Map<string, Message | undefined>()
  readonly #codecs = new Map<string, Codec>()

  /** The procedure of that name; throws on a name that the protocol does not have. */
  procedure(name: ProcedureName): Procedure {
    const known = this.#procedures.get(name)
    if (known !== undefined) return known
    const found = findProcedure(name)
    if (found === undefined) throw new TypeError(`libvirt has no callable procedure ${name}`)
    const { table, row } = found
    const procedure: Procedure = {
      name,
      program: table.program,
      version: table.version,
      number: row.number,
      args: this.#fields(name, row.args),
      ret: this.#fields(name, row.ret),
      stream: row.stream,
    }
    this.#procedures.set(name, procedure)
    return procedure
  }

  /** The message with that number, or undefined when this protocol has none. */
  message(program: number, number: number): Message | undefined {
    const key = `${program}/${number}`
    if (this.#messages.has(key)) return this.#messages.get(key)
    const table = [remoteProgram, qemuProgram].find((one) => one.program === program)
    const entry = Object.entries(table?.messages ?? {}).find(([, row]) => row.number === number)
    const message =
      entry === undefined
        ? undefined
        : { name: entry[0] as MessageName, codec: this.#fields(entry[0], entry[1].fields) }
    // Only numbers that exist are kept: a peer must not be able to fill the map.
    if (message !== undefined) this.#messages.set(key, message)
    return message
  }

  /** The codec of a named type, such as `Domain` or `remote_error`. */
  type(name: string): Codec {
    return this.#word('', name)
  }

  #fields(owner: string, fields: string): Codec {
    const pairs = fields.split(' ').filter((pair) => pair !== '')
    return struct(
      pairs.map((pair) => {
        const colon = pair.indexOf(':')
        return [pair.slice(0, colon), this.#word(owner, pair.slice(colon + 1))] as const
      }),
    )
  }

  #word(owner: string, word: string): Codec {
    const limit = word.endsWith('<>') ? listLimit(owner, word) : 0
    const key = `${word} ${limit}`
    const known = this.#codecs.get(key)
    if (known !== undefined) return known
    const codec = this.#compile(owner, word, limit)
    this.#codecs.set(key, codec)
    return codec
  }

  #compile(owner: string, word: string, limit: number): Codec {
    const primitive = primitives[word]
    if (primitive !== undefined) return primitive
    if (word === 'string') return string(limits.string)
    if (word === 'opaque<>') return opaque(limits.cookie)
    if (word === 'char<>') return chars(limits.string)
    if (word === 'TypedParamValue') return typedValue(string(limits.string))
    if (word.endsWith('?')) return optional(this.#word(owner, word.slice(0, -1)))
    if (word.endsWith('<>')) return array(this.#word(owner, word.slice(0, -2)), limit)
    const size = /^char\[(\d+)\]$/.exec(word)?.[1]
    if (size !== undefined) return charArray(Number(size))
    const layout = layouts[word]
    if (layout === undefined) throw new TypeError(`the protocol has no type ${word}`)
    return this.#fields(word, layout)
  }
}

function findProcedure(name: string): { table: ProgramTable; row: ProcedureRow } | undefined {
  for (const table of [remoteProgram, qemuProgram]) {
    const row = Object.hasOwn(table.procedures, name) ? table.procedures[name] : undefined
    if (row !== undefined) return { table, row }
  }
  return undefined
}
