// What is wrong with a Node beyond its schema.
import type { FieldError } from '../../lib/errors.ts'
import { duplicate, ruleOf, when } from '../errors.ts'
import type { Rule } from '../kind.ts'
import type { Node } from './node-schema.ts'

/** A taint is known by its key and effect. */
export const taintsAreUnique = ({ spec }: Node): readonly FieldError[] => {
  const seen = new Set<string>()
  return (spec?.taints ?? []).flatMap(({ key, effect }, index) => {
    const id = `${key}:${effect}`
    const known = seen.has(id)
    seen.add(id)
    return when(known, () => duplicate(`spec.taints[${index}]`, `the taint ${id} is listed twice`))
  })
}

export const NODE_RULES: readonly Rule[] = [ruleOf(taintsAreUnique)]
