// Guaranteed CPU: cores × coreFraction of all VMs within what the host allocates.
import { amountOf, type HostFilter, Shortage } from '../filter.ts'
import { CPU_ALL, CPU_FREE } from '../measures.ts'
import { coreWords } from '../words.ts'

const name = 'Cpu'
const AMOUNT = amountOf(name, 'CPU', coreWords)

export const CPU: HostFilter = {
  name,
  ofHost: true,
  prepare({ vm: { milliCpu: needs } }, { roster }) {
    if (needs === 0) return null
    const free = roster.numbers(CPU_FREE)
    const all = roster.numbers(CPU_ALL)
    return {
      fits: (slot) => needs <= free.at(slot),
      why: (slot) => new Shortage(AMOUNT, { needs, free: free.at(slot), of: all.at(slot) }),
    }
  },
}
