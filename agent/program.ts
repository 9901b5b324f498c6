// The program `berth-agent` in words.
import type { ServerProgram } from '../lib/server/program.ts'

export const AGENT: ServerProgram = {
  name: 'berth-agent',
  short: 'the agent',
  afterRestore:
    'What was made after the backup is still on the host: berth-agent --rebuild --missing shows and adds it.\n',
}
