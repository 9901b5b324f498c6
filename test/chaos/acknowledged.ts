// What clients may rely on: a model of what was asked for and what was answered, and whether a server still keeps to it. Pure.
//
// A question without an answer (the server died) may or may not have been carried out: from then on both are right. An answer settles
// it. A refusal means that nothing was done, unless it says something about the object that contradicts what was acknowledged.

type Presence = 'there' | 'gone'

/** How a question ended. Neither was called: nobody knows. */
export interface Asked {
  /** The server said that it is done. */
  answered(): void
  /** The server said no. `NotFound` and `AlreadyExists` also tell what there is. */
  refused(reason: string): void
}

export interface Found {
  /** Whether the object is there. */
  has(key: string): boolean
  /** A value of an object that is there, as JSON text. */
  value(key: string, field: string): string
}

export class Acknowledged {
  /** What may be so of each object that was ever asked for. */
  readonly #presence = new Map<string, ReadonlySet<Presence>>()
  /** key -> field -> what its value may be. */
  readonly #values = new Map<string, Map<string, ReadonlySet<string>>>()
  readonly #contradictions: string[] = []

  creating(key: string): Asked {
    return this.#move(key, 'there')
  }

  deleting(key: string): Asked {
    return this.#move(key, 'gone')
  }

  /** A value is asked for; `before` is what it is when it was never asked for. JSON values. */
  changing(key: string, field: string, value: unknown, before: unknown): Asked {
    const fields = this.#values.get(key) ?? new Map<string, ReadonlySet<string>>()
    this.#values.set(key, fields)
    const earlier = fields.get(field) ?? new Set([JSON.stringify(before)])
    const text = JSON.stringify(value)
    fields.set(field, new Set([...earlier, text]))
    return {
      answered: () => fields.set(field, new Set([text])),
      refused: (reason) => {
        fields.set(field, earlier)
        if (reason === 'NotFound') this.#told(key, 'gone')
      },
    }
  }

  /** Names of those below this prefix that may be there, in the order in which they were first asked for. */
  possible(prefix: string): readonly string[] {
    return [...this.#presence].flatMap(([key, possible]) =>
      key.startsWith(`${prefix}/`) && possible.has('there') ? [key.slice(prefix.length + 1)] : [],
    )
  }

  /** Whether it must be there. */
  certain(key: string): boolean {
    const possible = this.#presence.get(key)
    return possible?.size === 1 && possible.has('there')
  }

  /** What is wrong with what is there now, in words. Ask when nothing is under way. */
  violations(found: Found): readonly string[] {
    const wrong = [...this.#contradictions]
    for (const [key, possible] of this.#presence) {
      const there = found.has(key)
      if (!possible.has(there ? 'there' : 'gone'))
        wrong.push(there ? `${key} was deleted, and is there` : `${key} was acknowledged, and is not there`)
      if (!there) continue
      for (const [field, values] of this.#values.get(key) ?? []) {
        const value = found.value(key, field)
        if (!values.has(value))
          wrong.push(`${field} of ${key} is ${value}, acknowledged was ${[...values].join(' or ')}`)
      }
    }
    return wrong
  }

  #move(key: string, to: Presence): Asked {
    const earlier = this.#presence.get(key) ?? new Set<Presence>(['gone'])
    this.#presence.set(key, new Set<Presence>([...earlier, to]))
    return {
      answered: () => this.#presence.set(key, new Set([to])),
      refused: (reason) => {
        this.#presence.set(key, earlier)
        if (reason === 'NotFound') this.#told(key, 'gone')
        if (reason === 'AlreadyExists') this.#told(key, 'there')
      },
    }
  }

  /** A refusal told what there is. */
  #told(key: string, seen: Presence): void {
    if (this.#presence.get(key)?.has(seen) === false)
      this.#contradictions.push(
        `${key} was acknowledged as ${[...(this.#presence.get(key) ?? [])]}, and a refusal said that it is ${seen}`,
      )
    this.#presence.set(key, new Set([seen]))
  }
}
