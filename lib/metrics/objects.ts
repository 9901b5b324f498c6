// What the objects say of themselves, in numbers: by kind and phase, and by condition.
import type { Reader } from '../reconcile/reader.ts'
import { CONDITIONS, OBJECTS } from './catalogue.ts'
import type { Collector } from './metrics.ts'
import { type Said, Tally } from './tally.ts'

interface CountedKind {
  readonly kind: string
  readonly resource: string
}

/** Words of objects become labels only in this form: a client may write a status, too. */
const WORD = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
/** Series of a kind's conditions at most; those beyond are not told. */
const MAX_SERIES = 200

/** Costs by what there is to tell, not by the number of objects. */
export function objectsCollector(reader: Reader, kinds: readonly CountedKind[]): Collector {
  const tally = new Tally(reader)
  return {
    name: 'objects',
    collect: (sink) => {
      for (const { kind, resource } of kinds) {
        const phases = new Map<string, number>()
        const conditions = new Map<string, { readonly one: Said['conditions'][number]; count: number }>()
        for (const { said, count } of tally.of(resource)) {
          const word = WORD.test(said.phase) ? said.phase : ''
          phases.set(word, (phases.get(word) ?? 0) + count)
          for (const one of said.conditions) {
            const key = `${one.type} ${one.status} ${one.reason}`
            const known = conditions.get(key)
            if (known !== undefined) known.count += count
            else if (conditions.size < MAX_SERIES && isPlain(one)) conditions.set(key, { one, count })
          }
        }
        for (const [phase, count] of phases) sink.add(OBJECTS, { kind, phase }, count)
        for (const { one, count } of conditions.values())
          sink.add(CONDITIONS, { kind, type: one.type, status: one.status, reason: one.reason }, count)
      }
    },
  }
}

const isPlain = ({ type, status, reason }: Said['conditions'][number]): boolean =>
  [type, status, reason].every((word) => word === '' || WORD.test(word))
