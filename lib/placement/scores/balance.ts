// Free CPU and memory after the VM is there, less for hosts where one of them runs out before the other.
import type { Score } from '../score.ts'

export const BALANCE: Score = {
  name: 'balance',
  scale: 'share',
  prepare:
    ({ vm }) =>
    ({ facts, usedMilliCpu, usedMemoryBytes }) => {
      const cpu = freeShare(facts.milliCpu, usedMilliCpu + vm.milliCpu)
      const memory = freeShare(facts.memoryBytes, usedMemoryBytes + vm.memoryBytes)
      return ((cpu + memory) / 2) * (1 - Math.abs(cpu - memory) / 2)
    },
}

const freeShare = (all: number, used: number): number => (all <= 0 ? 0 : Math.min(1, Math.max(0, (all - used) / all)))
