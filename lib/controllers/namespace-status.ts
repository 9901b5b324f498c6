// What a namespace on its way out says about what is left in it: Kubernetes' conditions, reasons and wording.
import { timestamp } from '../clock.ts'
import type { Condition, KubeObject } from '../object.ts'
import type { NamespaceCondition } from './namespace-conditions.ts'

/** Objects of one resource that are still there. */
export interface Remaining {
  readonly resource: string
  readonly objects: readonly KubeObject[]
}

type Finding = NamespaceCondition & { readonly message: string }

const FINE = { status: 'False', message: '' } as const

function contentFailure(failures: readonly string[]): Finding {
  const type = 'NamespaceDeletionContentFailure' as const
  if (failures.length === 0) return { type, ...FINE, reason: 'ContentDeleted' }
  const message = `Failed to delete all resource types, ${failures.length} remaining: ${failures.slice(0, 5).join('; ')}`
  return { type, status: 'True', reason: 'ContentDeletionFailed', message }
}

function contentRemaining(remaining: readonly Remaining[]): Finding {
  const type = 'NamespaceContentRemaining'
  if (remaining.length === 0) return { type, ...FINE, reason: 'ContentRemoved' }
  const parts = remaining.map(({ resource, objects }) => `${resource} has ${objects.length} resource instances`)
  return {
    type,
    status: 'True',
    reason: 'SomeResourcesRemain',
    message: `Some resources are remaining: ${parts.join(', ')}`,
  }
}

function finalizersRemaining(remaining: readonly Remaining[]): Finding {
  const type = 'NamespaceFinalizersRemaining'
  const counts = new Map<string, number>()
  for (const { metadata } of remaining.flatMap(({ objects }) => objects)) {
    for (const finalizer of metadata.finalizers ?? []) counts.set(finalizer, (counts.get(finalizer) ?? 0) + 1)
  }
  if (counts.size === 0) return { type, ...FINE, reason: 'ContentHasNoFinalizers' }
  const parts = [...counts].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`)
  const message = `Some content in the namespace has finalizers remaining: ${parts.join(', ')}`
  return { type, status: 'True', reason: 'SomeFinalizersRemain', message }
}

/** The conditions of a terminating namespace; a time of transition stays while the status does. */
export function terminatingConditions(
  remaining: readonly Remaining[],
  failures: readonly string[],
  before: readonly Condition[],
  nowMs: number,
): readonly Condition[] {
  const findings = [contentFailure(failures), contentRemaining(remaining), finalizersRemaining(remaining)]
  return findings.map((finding) => {
    const old = before.find(({ type }) => type === finding.type)
    const since = old?.status === finding.status ? old.lastTransitionTime : timestamp(nowMs)
    return { ...finding, lastTransitionTime: since }
  })
}
