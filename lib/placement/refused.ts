// Refusals of many hosts in one sentence: grouped, counted, with the best that any host has.
import type { FilterName, Refusal } from './filter.ts'

export interface RefusalCount {
  readonly filter: FilterName
  /** `insufficient memory` */
  readonly group: string
  readonly hosts: number
  /** `insufficient memory (needs 2.1 GiB, 1 GiB free at best)` */
  readonly words: string
}

/** The most frequent first; equal ones by their words. `refusals`: one of each host. */
export function countRefusals(refusals: Iterable<Refusal>): readonly RefusalCount[] {
  const groups = new Map<string, { first: Refusal; hosts: number; free: number }>()
  for (const refusal of refusals) {
    const { group, free = 0 } = refusal
    const known = groups.get(group)
    if (known === undefined) groups.set(group, { first: refusal, hosts: 1, free })
    else {
      known.hosts += 1
      if (free > known.free) known.free = free
    }
  }
  return [...groups]
    .map(([group, { first, hosts, free }]) => ({
      filter: first.filter,
      group,
      hosts,
      words: first.best === undefined ? group : `${group} (${first.best(free)})`,
    }))
    .sort((a, b) => b.hosts - a.hosts || (a.words < b.words ? -1 : 1))
}

/** `0/3 nodes: 2 insufficient memory (needs 2.1 GiB, 1 GiB free at best), 1 cordoned` */
export const refusedWords = (hosts: number, counts: readonly RefusalCount[]): string =>
  hosts === 0
    ? '0/0 nodes: there are none'
    : `0/${hosts} nodes: ${counts.map((count) => `${count.hosts} ${count.words}`).join(', ')}`
