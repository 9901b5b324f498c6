// What controllers say to the log: the narrow part of pino that they need.

/** Structured log; `object` holds facts, `message` one sentence. */
export interface ReconcileLog {
  debug(object: object, message: string): void
  info(object: object, message: string): void
  warn(object: object, message: string): void
  error(object: object, message: string): void
}

export const silentLog: ReconcileLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** The same log, whose lines have these facts besides their own. Costs nothing until something is logged. */
export const withFacts = (log: ReconcileLog, facts: object): ReconcileLog => ({
  debug: (object, message) => log.debug({ ...facts, ...object }, message),
  info: (object, message) => log.info({ ...facts, ...object }, message),
  warn: (object, message) => log.warn({ ...facts, ...object }, message),
  error: (object, message) => log.error({ ...facts, ...object }, message),
})
