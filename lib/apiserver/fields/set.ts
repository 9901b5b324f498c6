// Sets of field paths, as trees; the algebra of field ownership. Pure.
//
// An element of a path is written as in Kubernetes' `fieldsV1`: `f:NAME` a field, `k:{"type":"Ready"}` an item of a list by its keys,
// `v:"x"` an item of a set by its value, `i:0` an item by its position.

/** `self` says that the path itself is in the set, `children` which paths below it are. The root's `self` is always false. */
export interface FieldSet {
  readonly self: boolean
  readonly children: ReadonlyMap<string, FieldSet>
}

const NO_CHILDREN: ReadonlyMap<string, FieldSet> = new Map()

export const EMPTY: FieldSet = { self: false, children: NO_CHILDREN }
export const LEAF: FieldSet = { self: true, children: NO_CHILDREN }

export const isEmpty = ({ self, children }: FieldSet): boolean => !self && children.size === 0

/** A node of these parts; children without paths are left out. */
export function nodeOf(self: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet {
  const kept = new Map<string, FieldSet>()
  for (const [element, child] of children) if (!isEmpty(child)) kept.set(element, child)
  if (kept.size === 0) return self ? LEAF : EMPTY
  return { self, children: kept }
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return b
  if (isEmpty(b)) return a
  const children = new Map(a.children)
  for (const [element, child] of b.children) {
    const known = children.get(element)
    children.set(element, known === undefined ? child : union(known, child))
  }
  return { self: a.self || b.self, children }
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return nodeOf(
    a.self && b.self,
    [...a.children].flatMap(([element, child]) => {
      const other = b.children.get(element)
      return other === undefined ? [] : [[element, intersection(child, other)] as const]
    }),
  )
}

/** The paths of `a` that are not in `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(b)) return a
  return nodeOf(
    a.self && !b.self,
    [...a.children].map(([element, child]) => {
      const other = b.children.get(element)
      return [element, other === undefined ? child : difference(child, other)] as const
    }),
  )
}

export const equal = (a: FieldSet, b: FieldSet): boolean =>
  a === b ||
  (a.self === b.self &&
    a.children.size === b.children.size &&
    [...a.children].every(([element, child]) => {
      const other = b.children.get(element)
      return other !== undefined && equal(child, other)
    }))

/** The set of these paths. */
export const setOf = (paths: readonly (readonly string[])[]): FieldSet =>
  paths.reduce<FieldSet>(
    (all, path) =>
      union(
        all,
        path.reduceRight<FieldSet>((below, element) => nodeOf(false, [[element, below]]), LEAF),
      ),
    EMPTY,
  )

/** `a` without the subtrees at the paths of `cut`. */
export function without(a: FieldSet, cut: FieldSet): FieldSet {
  const left: (readonly [string, FieldSet])[] = []
  for (const [element, child] of a.children) {
    const here = cut.children.get(element)
    if (here === undefined) left.push([element, child])
    else if (!here.self) left.push([element, without(child, here)])
  }
  return nodeOf(a.self, left)
}

/** Every path as text for people: `.spec.cpu`, `.status.conditions[type="Ready"]`, `.metadata.finalizers["x"]`. In order. */
export function pathTexts(set: FieldSet, prefix = ''): readonly string[] {
  const own = set.self ? [prefix] : []
  const below = [...set.children].sort(([a], [b]) => (a < b ? -1 : 1))
  return [...own, ...below.flatMap(([element, child]) => pathTexts(child, prefix + elementText(element)))]
}

function elementText(element: string): string {
  const rest = element.slice(2)
  if (element.startsWith('f:')) return `.${rest}`
  if (!element.startsWith('k:')) return `[${element.startsWith('v:') ? '=' : ''}${rest}]`
  const keys = Object.entries(JSON.parse(rest) as Record<string, unknown>)
  return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`
}
