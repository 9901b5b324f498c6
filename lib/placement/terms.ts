// Which VMs a term speaks of: selector, namespaces and the owner's own labels put together into one selection with a stable key.
import { linesOf, matches, unsatisfied } from './selectors.ts'
import type { LabelSelector, Labels, LabelsOfNamespace, NeighbourTerm, Requirement } from './types.ts'

/** Who asks. */
export interface Owner {
  readonly namespace: string
  readonly labels: Labels
}

/** VMs of some namespaces whose labels satisfy some lines. Equal selections have equal keys, whoever asks. */
export interface SelectionSpec {
  readonly key: string
  readonly namespaces: readonly string[]
  /** Namespaces by their labels, beside those that are listed. */
  readonly namespaceSelector: LabelSelector | null
  readonly lines: readonly Requirement[]
}

/** Null for a term without a selector, which speaks of nobody. */
export function selectionOf(owner: Owner, term: Omit<NeighbourTerm, 'topologyKey'>): SelectionSpec | null {
  if (!term.labelSelector) return null
  const byKey = (keys: readonly string[] | undefined, operator: string): readonly Requirement[] =>
    (keys ?? []).flatMap((key) => {
      const value = Object.hasOwn(owner.labels, key) ? owner.labels[key] : undefined
      return value === undefined ? [] : [{ key, operator, values: [value] }]
    })
  const lines = [
    ...linesOf(term.labelSelector),
    ...byKey(term.matchLabelKeys, 'In'),
    ...byKey(term.mismatchLabelKeys, 'NotIn'),
  ]
  const listed = term.namespaces ?? []
  const own = listed.length === 0 && !term.namespaceSelector
  const namespaces = own ? [owner.namespace] : listed.length > 1 ? [...new Set(listed)].sort() : listed
  const namespaceSelector = term.namespaceSelector ?? null
  const parts = [
    JSON.stringify(namespaces),
    namespaceSelector === null ? '' : `?${lineKeys(linesOf(namespaceSelector))}`,
    lineKeys(lines),
  ]
  return { key: parts.join('|'), namespaces, namespaceSelector, lines }
}

/** The own namespace's VMs that a spread constraint counts; null without a selector, which counts nobody. */
export const spreadSelection = (owner: Owner, labelSelector: LabelSelector | undefined): SelectionSpec | null =>
  labelSelector === undefined ? null : selectionOf(owner, { labelSelector })

function lineKeys(lines: readonly Requirement[]): string {
  const keys = lines.map(({ key, operator, values = [] }) => JSON.stringify([key, operator, [...values].sort()]))
  return keys.length > 1 ? keys.sort().join('') : (keys[0] ?? '')
}

/** Whether a VM is one of a selection's. */
export const isSelected = (spec: SelectionSpec, vm: Owner, labelsOfNamespace: LabelsOfNamespace): boolean =>
  inNamespaces(spec, vm.namespace, labelsOfNamespace) && unsatisfied(vm.labels, spec.lines).length === 0

const inNamespaces = (
  { namespaces, namespaceSelector }: SelectionSpec,
  namespace: string,
  labelsOfNamespace: LabelsOfNamespace,
): boolean =>
  namespaces.includes(namespace) ||
  (namespaceSelector !== null && matches(namespaceSelector, labelsOfNamespace(namespace)))

/**
 * A mark that every selected VM has, to find selections by a VM and VMs by a selection: one exact label, else the one namespace.
 * Null when there is none.
 */
export function markOf({ lines, namespaces, namespaceSelector }: SelectionSpec): string | null {
  let best: string | null = null
  for (const { key, operator, values } of lines) {
    if (operator !== 'In' || values?.length !== 1) continue
    const mark = labelMark(key, values[0] ?? '')
    if (best === null || mark < best) best = mark
  }
  if (best !== null) return best
  return namespaceSelector === null && namespaces.length === 1 ? namespaceMark(namespaces[0] ?? '') : null
}

const labelMark = (key: string, value: string): string => `${key}=${value}`
const namespaceMark = (namespace: string): string => `/${namespace}`

/** All marks of a VM. */
export function marksOf({ namespace, labels }: Owner): string[] {
  const marks = [namespaceMark(namespace)]
  for (const key in labels) if (Object.hasOwn(labels, key)) marks.push(labelMark(key, labels[key] ?? ''))
  return marks
}
