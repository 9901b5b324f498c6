// The last definition of each running domain with what was read of it: most looks find the same text again, and to take it apart is
// what costs most of a look. Whoever looks at all domains and whoever looks at one share it.
import { type Observed, observeDomain } from '../../../lib/domain/index.ts'

/** One entry per running domain; what does not run is forgotten. */
export class Definitions {
  readonly #known = new Map<string, { readonly xml: string; readonly observed: Observed }>()

  /** @throws XmlError when the text is no domain document */
  read(uid: string, xml: string): Observed {
    const known = this.#known.get(uid)
    if (known?.xml === xml) return known.observed
    const observed = observeDomain(xml)
    this.#known.set(uid, { xml, observed })
    return observed
  }

  forget(uid: string): void {
    this.#known.delete(uid)
  }

  /** Forgets all but these. */
  keep(uids: ReadonlySet<string>): void {
    for (const uid of this.#known.keys()) if (!uids.has(uid)) this.#known.delete(uid)
  }
}
