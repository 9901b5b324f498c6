// What would help a machine that finds no host, by what hosts refused it for. Pure.
import type { FilterName, RefusalCount } from '../../../lib/placement/index.ts'

const HELP: Readonly<Record<FilterName, string>> = {
  Asked: 'ask for other nodes',
  Readiness: 'bring a host back',
  Cordon: 'uncordon a host',
  Taints: 'let the machine tolerate the taint, or remove it',
  NodeSelector: 'change the nodeSelector of the machine, or label a host',
  ClassSelector: 'change the nodeSelector of its class, or label a host',
  NodeAffinity: 'change the node affinity of the machine, or label a host',
  CpuModel: 'a host with that CPU, or a class with one that all hosts have',
  Accelerator: 'a host with the same accelerator, or restart it elsewhere',
  Tpm: 'install swtpm on a host',
  Storage: 'a host that serves the storage class',
  Devices: 'a host with the device, or take it out of the machine',
  Cpu: 'stop or move machines on other hosts, or add a host',
  Memory: 'stop or move machines on other hosts, or add a host',
  Affinity: 'move the machines that it must be near first',
  AntiAffinity: 'a further host, or loosen the anti-affinity',
  Spread: 'a further host in another domain, or loosen the spread',
}

/** The most frequent reasons first; null without any. */
export function helpWords(reasons: readonly RefusalCount[]): string | null {
  const words = [...new Set(reasons.map(({ filter }) => HELP[filter]))].slice(0, 3)
  return words.length === 0 ? null : `what would help: ${words.join('; or ')}`
}
