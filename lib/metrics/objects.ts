// What the objects say of themselves, in numbers: by kind and phase, and by condition.
import type { Condition } from '../object.ts'
import type { Reader } from '../reconcile/reader.ts'
import { CONDITIONS, OBJECTS } from './catalogue.ts'
import type { Collector } from './metrics.ts'

interface CountedKind {
  readonly kind: string
  readonly resource: string
}

interface Told {
  readonly phase?: unknown
  readonly conditions?: readonly Condition[]
}

/** Words of objects become labels only in this form: a client may write a status, too. */
const WORD = /^[A-Za-z][A-Za-z0-9_]{0,63}$/
/** Series of a kind's conditions at most; those beyond are not told. */
const MAX_SERIES = 200

/** Counts at each scrape; 5,000 objects take some milliseconds. */
export const objectsCollector = (reader: Reader, kinds: readonly CountedKind[]): Collector => ({
  name: 'objects',
  collect: (sink) => {
    for (const { kind, resource } of kinds) {
      const phases = new Map<string, number>()
      const conditions = new Map<string, { readonly one: Condition; count: number }>()
      for (const { status } of reader.list(resource)) {
        const { phase, conditions: list } = (status ?? {}) as Told
        const word = typeof phase === 'string' && WORD.test(phase) ? phase : ''
        phases.set(word, (phases.get(word) ?? 0) + 1)
        for (const one of Array.isArray(list) ? list : []) {
          const key = `${one.type} ${one.status} ${one.reason}`
          const known = conditions.get(key)
          if (known !== undefined) known.count += 1
          else if (conditions.size < MAX_SERIES && isPlain(one)) conditions.set(key, { one, count: 1 })
        }
      }
      for (const [phase, count] of phases) sink.add(OBJECTS, { kind, phase }, count)
      for (const { one, count } of conditions.values())
        sink.add(CONDITIONS, { kind, type: one.type, status: one.status, reason: one.reason }, count)
    }
  },
})

const isPlain = ({ type, status, reason }: Condition): boolean =>
  [type, status, reason].every((word) => word === '' || WORD.test(word))
