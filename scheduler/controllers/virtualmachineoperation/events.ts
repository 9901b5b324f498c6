// Events about moves.
import { defineEvents } from '../../../lib/controllers/event-text.ts'

const MACHINE = 'VirtualMachine'

export const MOVE_EVENTS = defineEvents({
  Migrating: {
    type: 'Normal',
    about: MACHINE,
    means: 'It is being moved to another host while it runs; the message names both.',
  },
  Migrated: { type: 'Normal', about: MACHINE, means: 'It runs on another host; the message names both.' },
  MigrationFailed: {
    type: 'Warning',
    about: MACHINE,
    means:
      'A move did not come to its end; the message says why. The machine runs on where it was; when a post-copy broke, it was started anew.',
    todo: 'See the operation that the message names.',
  },
  MigrationDecided: {
    type: 'Warning',
    about: MACHINE,
    means:
      'The outcome of a move could not be known, and was decided: one host is known dead, or somebody decided; the message says which.',
  },
})
