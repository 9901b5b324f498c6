// How many objects say the same of themselves: counted whole once, then kept up with each change.
import type { Condition, KubeObject } from '../object.ts'
import type { Reader } from '../reconcile/reader.ts'

/** What a status says, as far as it is counted. */
export interface Said {
  /** '' when there is none. */
  readonly phase: string
  readonly conditions: readonly Pick<Condition, 'type' | 'status' | 'reason'>[]
}

interface Counted {
  readonly said: Said
  count: number
}

/** Counting begins with the first question for a resource: who is never asked costs nothing. */
export class Tally {
  readonly #reader: Reader
  /** By resource, then by all that is said. */
  readonly #counts = new Map<string, Map<string, Counted>>()

  constructor(reader: Reader) {
    this.#reader = reader
  }

  /** Each thing that objects of the resource say now, and how many say it. */
  of(resource: string): Iterable<Readonly<Counted>> {
    return (this.#counts.get(resource) ?? this.#begin(resource)).values()
  }

  #begin(resource: string): Map<string, Counted> {
    if (this.#counts.size === 0)
      this.#reader.onChange((change) => {
        const { resource } = change.type === 'put' ? change.entry.key : change.key
        const counts = this.#counts.get(resource)
        if (counts === undefined) return
        count(counts, change.previous, -1)
        count(counts, change.type === 'put' ? change.entry.value : null, 1)
      })
    const counts = new Map<string, Counted>()
    for (const object of this.#reader.list(resource)) count(counts, object, 1)
    this.#counts.set(resource, counts)
    return counts
  }
}

function count(counts: Map<string, Counted>, object: KubeObject | null, by: 1 | -1): void {
  if (object === null) return
  const said = saidBy(object)
  const key = JSON.stringify([
    said.phase,
    ...said.conditions.flatMap(({ type, status, reason }) => [type, status, reason]),
  ])
  const counted = counts.get(key)
  if (counted === undefined) counts.set(key, { said, count: by })
  else counted.count += by
  if (counted?.count === 0) counts.delete(key)
}

/** A client may write a status, too: what is not of its form is as good as not there. */
function saidBy({ status }: KubeObject): Said {
  const { phase, conditions } = (status ?? {}) as { readonly phase?: unknown; readonly conditions?: unknown }
  return {
    phase: typeof phase === 'string' ? phase : '',
    conditions: Array.isArray(conditions)
      ? conditions.flatMap((one: Condition | null) =>
          one === null ? [] : [{ type: one.type, status: one.status, reason: one.reason }],
        )
      : [],
  }
}
