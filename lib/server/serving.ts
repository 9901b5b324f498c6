// A server at work: its listeners open, its controllers go, and all of it ends in the order in which nothing needs what has ended.
import type { ClusterSource } from '../apiserver/listeners.ts'
import type { ApiServer } from '../apiserver/server.ts'
import type { EventRecorder } from '../controllers/event-recorder.ts'
import type { Controller } from '../reconcile/controller.ts'
import type { ServerConfig } from './config.ts'
import { createFirstObjects } from './first-objects.ts'
import type { Foundation } from './foundation.ts'
import { openListeners } from './listen.ts'
import type { Log } from './log.ts'
import { watchStore } from './store-trouble.ts'

export interface ServingOptions {
  readonly config: ServerConfig
  readonly foundation: Pick<Foundation, 'store' | 'reader' | 'access' | 'audit'>
  readonly server: ApiServer
  readonly log: Log
  readonly events: Pick<EventRecorder, 'start' | 'stop'>
  readonly controllers: readonly Controller[]
  /** Controllers that come and go, at this time. Started and stopped by whoever makes them. */
  readonly moreControllers?: () => readonly Controller[]
  /** The certificate of the cluster, when there is one. */
  readonly cluster: ClusterSource
  /** A connection over TCP was taken. */
  readonly onConnection?: () => void
  /** The store fails in a way that only a new process can mend. */
  readonly onFailed: (error: Error) => void
  /** Begins what is no controller; the API listens already. `signal` is aborted as the first thing of the end. */
  begin(signal: AbortSignal): Promise<void> | void
  /** Ends what {@link begin} began. The API is closed already; the controllers go on, and the store takes writes. */
  end(): Promise<void>
  /** Ends what the controllers needed. They have ended; events can still be recorded. */
  endLast?(): Promise<void>
}

/** Resolves when the API listens and everything works. @returns what ends it @throws Error with words for the operator */
export async function serve(options: ServingOptions): Promise<() => Promise<void>> {
  const { config, foundation, server, log, events, controllers, moreControllers = () => [] } = options
  const { store, reader, access, audit } = foundation
  await createFirstObjects(server.resources, config.stateDir)
  await server.keepDefaultRoles()
  const { cluster, onConnection } = options
  await openListeners(server, config, access, { cluster, ...(onConnection === undefined ? {} : { onConnection }) })
  const ending = new AbortController()
  void access.tls.keep(log, ending.signal)
  for (const controller of controllers) controller.start()
  events.start()
  await options.begin(ending.signal)
  const { onFailed } = options
  const unwatch = watchStore(store, { onFailed, resync: () => [...controllers, ...moreControllers()] })
  return async () => {
    unwatch()
    ending.abort()
    await server.close()
    await audit?.close()
    await options.end()
    await Promise.all(controllers.map((controller) => controller.stop()))
    await options.endLast?.()
    await events.stop()
    reader.stop()
    await store.close()
  }
}
