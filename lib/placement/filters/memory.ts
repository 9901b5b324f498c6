// Memory with QEMU's overhead; never overcommitted.
import { type Filter, Shortage } from '../filter.ts'
import { sizeWords } from '../words.ts'

const name = 'Memory'

export const MEMORY: Filter = {
  name,
  prepare({ vm: { memoryBytes: needs } }) {
    if (needs === 0) return null
    return ({ facts: { memoryBytes: of }, usedMemoryBytes }) =>
      usedMemoryBytes + needs <= of
        ? null
        : new Shortage(name, 'memory', { needs, free: of - usedMemoryBytes, of, say: sizeWords })
  },
}
