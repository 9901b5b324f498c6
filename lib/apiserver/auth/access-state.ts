// Roles, bindings and tokens in memory, never behind the store: what every request is judged by.

import { ACCESS_GROUP, type AccessToken } from '../../../schemas/access/token.ts'
import type { Clock } from '../../clock.ts'
import type { KubeObject } from '../../object.ts'
import { Cache } from '../../reconcile/cache.ts'
import { keyOf } from '../../store/change.ts'
import type { Store } from '../../store/store.ts'
import type { Registry } from '../registry.ts'
import { RBAC_RESOURCES, RbacIndex } from './rbac-index.ts'
import { TokenIndex } from './tokens.ts'

export const ACCESS_TOKENS = `accesstokens.${ACCESS_GROUP}`

export interface AccessState {
  readonly rbac: RbacIndex
  readonly tokens: TokenIndex
  /** Called after a change of roles, bindings or tokens. Once. */
  onChange(listener: () => void): void
  stop(): void
}

/** Kinds that a server does not serve are as if there were no objects of them. */
export async function openAccessState(store: Store, registry: Registry, clock: Clock): Promise<AccessState> {
  const resources = [...RBAC_RESOURCES, ACCESS_TOKENS].filter((name) => registry.byResource(name) !== undefined)
  const rbac = new RbacIndex()
  const tokens = new TokenIndex(clock)
  const put = (resource: string, object: KubeObject): void => {
    if (resource === ACCESS_TOKENS) tokens.put(object as AccessToken)
    else rbac.put(resource, object)
  }
  const remove = (resource: string, object: KubeObject): void => {
    if (resource === ACCESS_TOKENS) tokens.remove(object as AccessToken)
    else rbac.remove(resource, object)
  }
  const cache = new Cache({ store, resources })
  await cache.start()
  for (const resource of resources) for (const object of cache.list(resource)) put(resource, object)
  let changed = () => {}
  cache.onChange((change) => {
    const { resource } = keyOf(change)
    if (change.previous !== null) remove(resource, change.previous)
    if (change.type === 'put') put(resource, change.entry.value)
    changed()
  })
  return {
    rbac,
    tokens,
    onChange: (listener) => {
      changed = listener
    },
    stop: () => cache.stop(),
  }
}
