// The log as the scheduler's parts see it.
export type { Log } from '../lib/server/log.ts'
