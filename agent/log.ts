// The log as the agent's parts see it.
export type { Log } from '../lib/server/log.ts'
