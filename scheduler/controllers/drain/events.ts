// Events about drains.
import { defineEvents } from '../../../lib/controllers/event-text.ts'

const NODE = 'Node'

export const DRAIN_EVENTS = defineEvents({
  DrainStarted: { type: 'Normal', about: NODE, means: 'Its machines are being moved to other hosts.' },
  Drained: { type: 'Normal', about: NODE, means: 'No machine runs there any more.' },
  DrainStuck: {
    type: 'Warning',
    about: NODE,
    means: 'What is left on it cannot be moved now; the message says why.',
    todo: 'See the condition Draining of the Node.',
  },
  DrainEnded: {
    type: 'Normal',
    about: NODE,
    means: 'The node was uncordoned, or the request for its drain was taken back.',
  },
})
