// What the store says to its log: the narrow part of pino that it needs.

/** Structured log; `object` holds facts, `message` one sentence. */
export interface StoreLog {
  warn(object: object, message: string): void
  error(object: object, message: string): void
}

export const silentLog: StoreLog = { warn: () => undefined, error: () => undefined }
