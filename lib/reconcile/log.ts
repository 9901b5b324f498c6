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
