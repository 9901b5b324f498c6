// Free CPU and memory after the VM is there, less for hosts where one of them runs out before the other.
import { CPU_ALL, CPU_FREE, MEMORY_ALL, MEMORY_FREE } from '../measures.ts'
import type { HostScore } from '../score.ts'

export const BALANCE: HostScore = {
  name: 'balance',
  ofHost: true,
  prepare({ vm: { milliCpu, memoryBytes } }, { roster }) {
    const [cpuAll, cpuFree] = [roster.numbers(CPU_ALL), roster.numbers(CPU_FREE)]
    const [memoryAll, memoryFree] = [roster.numbers(MEMORY_ALL), roster.numbers(MEMORY_FREE)]
    return (slot) => {
      const cpu = freeShare(cpuAll.at(slot), cpuFree.at(slot) - milliCpu)
      const memory = freeShare(memoryAll.at(slot), memoryFree.at(slot) - memoryBytes)
      return ((cpu + memory) / 2) * (1 - Math.abs(cpu - memory) / 2)
    }
  },
}

const freeShare = (all: number, free: number): number => (all <= 0 ? 0 : Math.min(1, Math.max(0, free / all)))
