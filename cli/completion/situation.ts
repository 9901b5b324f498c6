// What the word under the cursor may be, told from the words before it and the program's own description of itself. Pure.
import type { Argument, Command, Option } from 'commander'

/** Options that say which server is asked. */
export interface Given {
  readonly socket?: string
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace?: string
}

export type Situation = { readonly given: Given } & (
  | { readonly wants: 'words'; readonly words: readonly string[] }
  /** Kinds of objects, or `KIND/NAME`. */
  | { readonly wants: 'kinds' }
  /** Names of objects of a kind that are not in `taken`. */
  | { readonly wants: 'names'; readonly kind: string; readonly taken: readonly string[] }
  /** What the shell knows better, or nothing at all. */
  | { readonly wants: 'nothing' }
)

const GLOBALS = ['socket', 'kubeconfig', 'context', 'namespace'] as const
const nothing = { wants: 'nothing' } as const

/** @param words after the program's name; the last one is being written and may be empty */
export function situationOf(program: Command, words: readonly string[]): Situation {
  const written = words.slice(0, -1)
  const current = words.at(-1) ?? ''
  const given: { -readonly [K in keyof Given]: Given[K] } = {}
  const positionals: string[] = []
  let command = program
  let pending: Option | null = null
  let onlyPositionals = false
  for (const word of written) {
    // Bash takes `--option=value` apart.
    if (pending !== null && word === '=') continue
    if (pending !== null) {
      keep(given, pending, word)
      pending = null
    } else if (word === '--') onlyPositionals = true
    else if (word.startsWith('-') && word !== '-' && !onlyPositionals) {
      const [name = '', ...value] = word.split('=')
      const option = optionOf([command, program], name)
      if (option !== null && value.length > 0) keep(given, option, value.join('='))
      else if (option !== null && (option.required || option.optional)) pending = option
    } else {
      const inner = positionals.length === 0 ? command.commands.find((one) => one.name() === word) : undefined
      if (inner === undefined) positionals.push(word)
      else command = inner
    }
  }
  if (pending !== null) return { given, ...ofOption(pending) }
  if (current.startsWith('-') && !onlyPositionals) return { given, wants: 'words', words: flags(command, program) }
  const verbs = command.commands.map((one) => one.name())
  // A command may have sub-commands and arguments of its own.
  const own = command.registeredArguments[0]?.argChoices ?? []
  if (verbs.length > 0 && positionals.length === 0) return { given, wants: 'words', words: [...own, ...verbs] }
  return { given, ...ofArgument(command, positionals, current) }
}

function keep(given: { -readonly [K in keyof Given]: Given[K] }, option: Option, value: string): void {
  const name = GLOBALS.find((one) => one === option.attributeName())
  if (name !== undefined) given[name] = value
}

const optionOf = (commands: readonly Command[], name: string): Option | null =>
  commands.flatMap(({ options }) => options).find(({ long, short }) => long === name || short === name) ?? null

type Wanted<S = Situation> = S extends Situation ? Omit<S, 'given'> : never

function ofOption(option: Option): Wanted {
  if (option.argChoices !== undefined) return { wants: 'words', words: option.argChoices }
  if (option.attributeName() === 'namespace') return { wants: 'names', kind: 'namespaces', taken: [] }
  return nothing
}

const flags = (command: Command, program: Command): readonly string[] => [
  ...new Set([...command.options, ...program.options].flatMap(({ long, hidden }) => (long && !hidden ? [long] : []))),
  '--help',
]

function ofArgument(command: Command, before: readonly string[], current: string): Wanted {
  const known: readonly Argument[] = command.registeredArguments
  const argument = known[before.length] ?? (known.at(-1)?.variadic ? known.at(-1) : undefined)
  switch (argument?.name()) {
    case 'kind':
    case 'name':
      return ofKind(command, before, current)
    case 'vm':
      return { wants: 'names', kind: 'virtualmachines', taken: before }
    case 'node':
      return { wants: 'names', kind: 'nodes', taken: before }
    case 'shell':
      return { wants: 'words', words: argument.argChoices ?? [] }
    default:
      return nothing
  }
}

function ofKind(command: Command, before: readonly string[], current: string): Wanted {
  if (command.name() === 'revoke') return { wants: 'names', kind: 'accesstokens', taken: before }
  const [kind] = before
  if (kind === undefined || kind.includes('/') || current.includes('/')) return { wants: 'kinds' }
  return { wants: 'names', kind, taken: before.slice(1) }
}
