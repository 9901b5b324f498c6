/** The newest versioned q35 machine type of this host. Pure. */
import { at, attrOf, childrenOf, parseXml, textOf } from '../../lib/xml/index.ts'

/**
 * The type behind the plain name `q35`, from libvirt's capabilities (ConnectGetCapabilities): QEMU points that name
 * at its newest. Where no entry says so, the highest `pc-q35-<major>.<minor>` serves.
 * @returns `pc-q35-7.2`, or a distribution's name such as `pc-q35-noble`; `undefined` when this QEMU has no q35
 */
export function newestMachineType(capabilitiesXml: string): string | undefined {
  const machines = childrenOf(parseXml(capabilitiesXml), 'guest')
    .filter((guest) => attrOf(at(guest, 'arch'), 'name') === 'x86_64')
    .flatMap((guest) => allMachines(at(guest, 'arch')))
  const behind = machines.find(({ name, canonical }) => name === 'q35' && canonical !== undefined)
  return behind?.canonical ?? highest(machines.map(({ name }) => name))
}

interface Machine {
  readonly name: string
  readonly canonical: string | undefined
}

/** Machines stand under the architecture, and again under each accelerator that has other ones. */
function allMachines(arch: ReturnType<typeof at>): Machine[] {
  if (arch === undefined) return []
  return [arch, ...childrenOf(arch, 'domain')]
    .flatMap((parent) => childrenOf(parent, 'machine'))
    .map((machine) => ({ name: textOf(machine), canonical: attrOf(machine, 'canonical') }))
}

function highest(names: readonly string[]): string | undefined {
  const versions = names.flatMap((name) => {
    const [, major, minor] = /^pc-q35-(\d+)\.(\d+)$/.exec(name) ?? []
    return major === undefined || minor === undefined ? [] : [{ name, major: Number(major), minor: Number(minor) }]
  })
  return versions.sort((a, b) => b.major - a.major || b.minor - a.minor)[0]?.name
}
