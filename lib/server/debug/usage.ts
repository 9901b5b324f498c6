// The words of `PROGRAM debug`, apart from what it does: a running server needs no more of it.
import { type ServerProgram, usageLines } from '../program.ts'

export const debugUsage = (program: ServerProgram): string =>
  usageLines(program, [['debug [FILE]', 'a bundle for whoever helps: objects, metrics, logs; without secrets']])
