// What a server does when its store takes no writes: says that it is not ready, ends where a new process can help, and looks at
// everything again when it is over.
import type { HealthCheck } from '../apiserver/http/health.ts'
import type { Store } from '../store/store.ts'

export const storeReady = (store: Pick<Store, 'trouble'>): HealthCheck => ({
  name: 'store',
  check: async () => {
    const trouble = store.trouble()
    if (trouble !== null) throw trouble
  },
})

/** Fails while the writer does not answer at all; that it cannot write is an answer, and no reason to start the agent anew. */
export const storeAnswers = (ask: () => Promise<unknown>): HealthCheck => ({
  name: 'store-answers',
  check: () =>
    ask().then(
      () => undefined,
      () => undefined,
    ),
})

export interface StoreWatch {
  /** A failed fsync: the kernel may have dropped what it could not write, and only a reopened database shows what is there. */
  readonly onFailed: (error: Error) => void
  /** All controllers at this time. */
  readonly resync: () => readonly { resync(): void }[]
}

/**
 * A damaged database stays open for reads: a new process would be refused, and with it went the last sight of the objects. Passes that
 * failed meanwhile wait longer and longer; when writes work again they need not.
 */
export function watchStore(store: Pick<Store, 'onTrouble'>, { onFailed, resync }: StoreWatch): () => void {
  return store.onTrouble((trouble) => {
    if (trouble === null) for (const controller of resync()) controller.resync()
    else if (trouble.trouble === 'unsynced') onFailed(trouble)
  })
}
