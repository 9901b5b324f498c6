// Memory with QEMU's overhead; never overcommitted.
import { amountOf, type HostFilter, Shortage } from '../filter.ts'
import { MEMORY_ALL, MEMORY_FREE } from '../measures.ts'
import { sizeWords } from '../words.ts'

const name = 'Memory'
const AMOUNT = amountOf(name, 'memory', sizeWords)

export const MEMORY: HostFilter = {
  name,
  ofHost: true,
  prepare({ vm: { memoryBytes: needs } }, { roster }) {
    if (needs === 0) return null
    const free = roster.numbers(MEMORY_FREE)
    const all = roster.numbers(MEMORY_ALL)
    return {
      fits: (slot) => needs <= free.at(slot),
      why: (slot) => new Shortage(AMOUNT, { needs, free: free.at(slot), of: all.at(slot) }),
    }
  },
}
