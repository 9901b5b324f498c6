// `--stdio=true`, as programs in Go take it and DVP's scripts write it: the same as `--stdio`, and `--stdio=false` as nothing.
import type { Command } from 'commander'

/** The words with such options as commander knows them; what follows `--` is left alone. */
export function plainBooleans(program: Command, words: readonly string[]): string[] {
  const flags = new Set(
    [program, ...program.commands].flatMap(({ options }) =>
      options.flatMap((option) => (option.isBoolean() && !option.negate && option.long ? [option.long] : [])),
    ),
  )
  const end = words.indexOf('--')
  return words.flatMap((word, index) => {
    const [, flag = '', value] = (end === -1 || index < end ? /^(--[a-z-]+)=(true|false)$/.exec(word) : null) ?? []
    if (!flags.has(flag)) return [word]
    return value === 'true' ? [flag] : []
  })
}
