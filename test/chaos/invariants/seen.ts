// What there is on a host, looked at from both sides: objects in the API, and domains, processes, files and links on the machine.
import { type Observed, observeDomain } from '../../../lib/domain/index.ts'
import type { KubeObject } from '../../../lib/object.ts'
import type {
  ClusterVirtualImage,
  StorageClass,
  VirtualDisk,
  VirtualImage,
  VirtualMachine,
  VirtualMachineOperation,
} from '../../../schemas/index.ts'
import type { LabHost } from '../../support/lab-host.ts'

export interface Objects {
  readonly vms: readonly VirtualMachine[]
  readonly disks: readonly VirtualDisk[]
  readonly images: readonly (VirtualImage | ClusterVirtualImage)[]
  readonly operations: readonly VirtualMachineOperation[]
  readonly namespaces: readonly KubeObject[]
  readonly classes: readonly StorageClass[]
}

export interface Domain {
  readonly running: boolean
  readonly observed: Observed
}

/** All objects of a kind. */
export async function listed<T extends KubeObject>(host: LabHost, kind: string): Promise<readonly T[]> {
  const catalog = await host.client.catalog()
  return (await host.client.objects.list<T>(catalog.resolve(kind), {})).items
}

export async function objectsOf(host: LabHost): Promise<Objects> {
  const [vms, disks, images, clusterImages, operations, namespaces, classes] = await Promise.all([
    listed<VirtualMachine>(host, 'VirtualMachine'),
    listed<VirtualDisk>(host, 'VirtualDisk'),
    listed<VirtualImage>(host, 'VirtualImage'),
    listed<ClusterVirtualImage>(host, 'ClusterVirtualImage'),
    listed<VirtualMachineOperation>(host, 'VirtualMachineOperation'),
    listed<KubeObject>(host, 'Namespace'),
    listed<StorageClass>(host, 'StorageClass'),
  ])
  return { vms, disks, images: [...images, ...clusterImages], operations, namespaces, classes }
}

const lines = (text: string): readonly string[] => text.split('\n').filter(Boolean)

/** All domains of the host by libvirt's word, with the definition of those that do not run. One program for all: each takes its time. */
export async function domainsOf(host: LabHost): Promise<readonly Domain[]> {
  const running = new Set(lines(await host.virsh('list', '--uuid')))
  const all = lines(await host.virsh('list', '--all', '--uuid'))
  if (all.length === 0) return []
  const text = await host.virsh(all.map((uuid) => `dumpxml ${uuid}`).join('; '))
  const documents = text.split(/^(?=<domain )/m).filter((part) => part.startsWith('<domain '))
  return documents.map((xml) => {
    const observed = observeDomain(xml.trim())
    return { running: running.has(observed.uuid), observed }
  })
}

/** Command lines of all processes of the host. */
export const processesOf = async (host: LabHost): Promise<readonly string[]> =>
  lines(await host.exec('ps', 'axww', '-o', 'args='))

export const phaseOf = ({ status }: KubeObject): string =>
  (status as { readonly phase?: string } | undefined)?.phase ?? 'none'

export const labelOf = ({ kind, metadata }: KubeObject): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`

/** What one list has and the other has not, in words. */
export function differences(
  what: string,
  [left, leftItems]: readonly [string, readonly string[]],
  [right, rightItems]: readonly [string, readonly string[]],
): readonly string[] {
  const only = (of: readonly string[], against: readonly string[]) => of.filter((item) => !against.includes(item))
  return [
    ...only(leftItems, rightItems).map((item) => `${what}: ${left} ${item}, ${right} not`),
    ...only(rightItems, leftItems).map((item) => `${what}: ${right} ${item}, ${left} not`),
    ...leftItems
      .filter((item, index) => leftItems.indexOf(item) !== index)
      .map((item) => `${what}: ${left} ${item} twice`),
  ]
}
