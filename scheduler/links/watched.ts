// What is watched at each agent, as the client needs it said.
import type { ResourceInfo } from '../../lib/client/paths.ts'
import {
  CLUSTER_VIRTUAL_IMAGE,
  EVENT,
  HOST_BINDING,
  type KindDef,
  NODE,
  VIRTUAL_DISK,
  VIRTUAL_IMAGE,
  VIRTUAL_MACHINE,
  VIRTUAL_MACHINE_OPERATION,
} from '../../schemas/index.ts'

/** A kind in the version in which it is stored, so that both sides speak of the same fields. */
export const infoOf = (kind: KindDef): ResourceInfo => ({
  group: kind.group,
  version: kind.storageVersion,
  plural: kind.plural,
  singular: kind.singular,
  kind: kind.kind,
  namespaced: kind.namespaced,
  shortNames: kind.shortNames,
  categories: kind.categories,
  verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'],
})

/** Kept in memory, in the order in which they are read: bindings first, as they say what the others are. */
export const WATCHED: readonly KindDef[] = [
  HOST_BINDING,
  NODE,
  VIRTUAL_MACHINE,
  VIRTUAL_DISK,
  VIRTUAL_IMAGE,
  CLUSTER_VIRTUAL_IMAGE,
  VIRTUAL_MACHINE_OPERATION,
]

/** Passed on and not kept. */
export const PASSED_ON: KindDef = EVENT

export const BINDINGS: ResourceInfo = infoOf(HOST_BINDING)
