// Waits until an object is as wanted, or gone, by watching it.
import type { Client } from '../lib/client/client.ts'
import type { ResourceInfo } from '../lib/client/paths.ts'
import type { KubeObject, NamespacedName } from '../lib/object.ts'

export interface WaitFor<T extends KubeObject> {
  readonly resource: ResourceInfo
  readonly target: NamespacedName & { readonly uid: string }
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Gets each state of the object, null once it (that uid) is gone. True ends the wait. */
  readonly done: (object: T | null) => boolean
}

/** True when `done` said so, false when the time was over first. */
export async function waitFor<T extends KubeObject>(client: Client, wait: WaitFor<T>): Promise<boolean> {
  const deadline = AbortSignal.timeout(wait.timeoutMs)
  const signal = AbortSignal.any([wait.signal, deadline])
  const { namespace, name, uid } = wait.target
  const scope = { namespace, fieldSelector: `metadata.name=${name}` }
  const same = (object: T) => object.metadata.uid === uid
  try {
    for await (const change of client.objects.follow<T>(wait.resource, scope, { signal, patienceMs: wait.timeoutMs })) {
      if (change.type === 'sync' && wait.done(change.items.find(same) ?? null)) return true
      if (change.type === 'put' && same(change.object) && wait.done(change.object)) return true
      if (change.type === 'gone' && same(change.object) && wait.done(null)) return true
    }
    return false
  } catch (error) {
    if (deadline.aborted && !wait.signal.aborted) return false
    throw error
  }
}
