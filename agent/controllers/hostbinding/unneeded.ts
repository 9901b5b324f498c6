// Copies of Secrets, ConfigMaps, classes and operations that no binding asks for any more: they are erased, last use by last use.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import { type KubeObject, nameOf } from '../../../lib/object.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { DONE, type Outcome, type Reconciler } from '../../../lib/reconcile/types.ts'
import { type HostBinding, isBound } from '../../../schemas/index.ts'
import {
  CONFIG_MAPS,
  HOST_BINDINGS,
  PRIORITY_CLASSES,
  SECRETS,
  STORAGE_CLASSES,
  VM_CLASSES,
  VM_OPERATIONS,
} from '../../names.ts'

/** The one key of this controller. */
export const ALL = '/all'

const ERASED = [SECRETS, CONFIG_MAPS, VM_OPERATIONS, VM_CLASSES, PRIORITY_CLASSES, STORAGE_CLASSES] as const

/** uids of everything that bindings ask for. */
export function neededUids(bindings: readonly HostBinding[]): ReadonlySet<string> {
  const asking = bindings.filter(({ spec }) => spec.role !== 'Released')
  return new Set(asking.flatMap(({ objects = [] }) => objects.map(({ metadata }) => metadata.uid)))
}

/** Copies of those kinds that nothing asks for. Pure. */
export const unneeded = (copies: readonly KubeObject[], needed: ReadonlySet<string>): readonly KubeObject[] =>
  copies.filter(
    (copy) => isBound(copy) && copy.metadata.deletionTimestamp === undefined && !needed.has(copy.metadata.uid),
  )

export class UnneededReconciler implements Reconciler {
  readonly #deps: { readonly reader: Reader; readonly resources: Resources }

  constructor(deps: { readonly reader: Reader; readonly resources: Resources }) {
    this.#deps = deps
  }

  async reconcile(): Promise<Outcome> {
    const { reader, resources } = this.#deps
    for (const resource of ERASED)
      for (const copy of unneeded(reader.list(resource), this.#needed()))
        await resources.delete(resource, nameOf(copy), { uid: copy.metadata.uid })
    return DONE
  }

  #needed(): ReadonlySet<string> {
    return neededUids(this.#deps.reader.list<HostBinding>(HOST_BINDINGS))
  }
}
