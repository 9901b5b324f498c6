// What a class of the CPU type Discovery came to: features that its hosts have in common. Found once and kept beside the class, since its
// machines were started with it; an annotation, so that it goes with the class to every host.
import type { VirtualMachineClass } from './schema.ts'

/** Names with commas between them. Written by the server alone. */
export const DISCOVERED_FEATURES = 'berth/discovered-cpu-features'

const NAME = /^[A-Za-z0-9_.-]{1,63}$/

type Parts = Pick<VirtualMachineClass, 'metadata'> & { readonly spec: Pick<VirtualMachineClass['spec'], 'cpu'> }

/** Null for other types, and while nothing is found yet. */
export function discoveredOf({ metadata, spec }: Parts): readonly string[] | null {
  const text = metadata.annotations?.[DISCOVERED_FEATURES]
  if (spec.cpu.type !== 'Discovery' || text === undefined) return null
  return text.split(',').filter((name) => NAME.test(name))
}

/** The same class with what was found; with something found already, as it is. */
export const withDiscovered = <T extends VirtualMachineClass>(vmClass: T, features: readonly string[]): T =>
  discoveredOf(vmClass) !== null
    ? vmClass
    : {
        ...vmClass,
        metadata: {
          ...vmClass.metadata,
          annotations: { ...vmClass.metadata.annotations, [DISCOVERED_FEATURES]: [...features].sort().join(',') },
        },
      }
