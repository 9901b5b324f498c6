// What of a VM decides how hosts, each by itself, stand to it. For VMs of equal shape each host is judged once, and again when it changes.
import type { Ask, VmFacts } from './facts.ts'

const READ = [
  'milliCpu',
  'memoryBytes',
  'nodeSelector',
  'classSelector',
  'tolerations',
  'nodeAffinity',
  'preferredNodes',
  'cpu',
  'tpm',
  'disks',
  'images',
  'devices',
] as const satisfies readonly (keyof VmFacts)[]

export type ShapeField = (typeof READ)[number]

export interface Shape<Field extends ShapeField = ShapeField> extends Pick<Ask, 'migrate'> {
  readonly vm: Pick<VmFacts, Field>
}

/** Equal for shapes to which all hosts stand alike: names of disks are only said. */
export function keyOf({ vm, migrate = false }: Shape): string {
  const read = READ.map((field) => (field === 'disks' ? vm.disks.map(({ name: _, ...disk }) => disk) : vm[field]))
  return JSON.stringify([migrate, read])
}
