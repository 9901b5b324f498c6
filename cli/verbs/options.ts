// Kinds of options that several verbs have.
import { InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../duration.ts'

/** `--what-if`, may be given again. */
export const whatIf = (): Option =>
  new Option('--what-if <words>', 'suppose that: "h2 down", "h3 cordon"; may be given again').argParser(collect)

/** An option that may be given again. */
export const collect = (word: string, before: readonly string[] = []): string[] => [...before, word]

/** A port number from `least` on. */
export function port(description: string, preset: number, least: number, flags = '--port <port>'): Option {
  return new Option(flags, description).default(preset).argParser((text) => {
    const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= 65_535) return number
    throw new InvalidArgumentError(`a port is a number from ${least} to 65535`)
  })
}

/** `--timeout`, in milliseconds. */
export function timeout(description: string, preset: string): Option {
  return new Option('--timeout <duration>', `${description}: 30s, 5m, 1h`)
    .default(parseDuration(preset), preset)
    .argParser((text) => {
      try {
        return parseDuration(text)
      } catch (error) {
        throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
      }
    })
}

/** An option that is a whole number from 1 on. */
export const count = (flags: string, description: string, preset: number): Option =>
  new Option(flags, description).default(preset).argParser((text) => {
    if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
    throw new InvalidArgumentError('give a whole number from 1 on')
  })
