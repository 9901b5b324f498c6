// What is particular to a ClusterVirtualImage: it is used from many namespaces, and says from which.
import type { ClusterVirtualImage, VirtualImageStatus } from '../../../schemas/index.ts'
import { CLUSTER_IMAGES } from '../../names.ts'
import type { ImageKind } from '../virtualimage/controller.ts'
import type { ImageHave } from '../virtualimage/observe.ts'

export const CLUSTER_VIRTUAL_IMAGE_KIND: ImageKind<ClusterVirtualImage> = {
  resource: CLUSTER_IMAGES,
  cleanup: 'virtualization.deckhouse.io/cvi-cleanup',
  protection: 'virtualization.deckhouse.io/cvi-protection',
  complete: (status, have) => ({ ...clusterPhase(status), usedInNamespaces: namespacesOf(have) }),
}

/** A cluster-wide image is never in a volume of its own, so the phases of that are not its. */
function clusterPhase({ phase, target: _target, storageClassName: _class, ...rest }: VirtualImageStatus) {
  const target = { registryURL: '' }
  return phase === undefined || phase === 'PVCLost' ? { ...rest, target } : { ...rest, target, phase }
}

const namespacesOf = ({ users }: ImageHave): string[] =>
  [...new Set([...users.vms, ...users.disks].map((name) => name.slice(0, name.indexOf('/'))))].sort()
