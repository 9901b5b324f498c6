// Every Event that the scheduler records.
import { defineEvents } from '../lib/controllers/event-text.ts'

export const SCHEDULER_EVENTS = defineEvents({})
