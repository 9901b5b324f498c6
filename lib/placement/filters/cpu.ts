// Guaranteed CPU: cores × coreFraction of all VMs within what the host allocates.
import { type Filter, Shortage } from '../filter.ts'
import { coreWords } from '../words.ts'

const name = 'Cpu'

export const CPU: Filter = {
  name,
  prepare({ vm: { milliCpu: needs } }) {
    if (needs === 0) return null
    return ({ facts: { milliCpu: of }, usedMilliCpu }) =>
      usedMilliCpu + needs <= of
        ? null
        : new Shortage(name, 'CPU', { needs, free: of - usedMilliCpu, of, say: coreWords })
  },
}
