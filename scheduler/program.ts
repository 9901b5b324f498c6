// The program `berth-scheduler` in words.
import type { ServerProgram } from '../lib/server/program.ts'

export const SCHEDULER: ServerProgram = {
  name: 'berth-scheduler',
  short: 'the scheduler',
  afterRestore:
    'What was decided after the backup is known to the hosts only: berth-scheduler --rebuild --missing NODE=URL... asks them.\n',
}
