// Storage classes that a host has, and disks that lie on one host.
import type { ClassRoom, DiskFacts } from '../facts.ts'
import { type NodeFilter, type Refusal, refuse } from '../filter.ts'

const name = 'Storage'

export const STORAGE: NodeFilter = {
  name,
  check({ vm: { disks }, migrate = false }) {
    if (disks.length === 0) return null
    return ({ name: host, storageClasses }) => {
      for (const disk of disks) {
        const stays = disk.node !== null && !disk.shared && !migrate
        if (!stays) {
          const refusal = storageClasses === null ? null : classRefusal(disk, storageClasses)
          if (refusal !== null) return refusal
        } else if (disk.node !== host)
          return refuse(name, 'disks lie on another node', `the disk ${disk.name} lies on ${disk.node}`)
      }
      return null
    }
  },
}

type Classes = ReadonlyMap<string, ClassRoom>

function classRefusal({ name: disk, storageClass, made, folder }: DiskFacts, classes: Classes): Refusal | null {
  if (storageClass === null) return null
  const found = classes.get(storageClass)
  if (found === undefined) {
    const words = `the node has no storage class ${storageClass}, which the disk ${disk} is of`
    return refuse(name, `no storage class ${storageClass}`, words)
  }
  if (made && folder !== null && found.folder !== null && found.folder !== folder) {
    const words = `the folder of the storage class ${storageClass} on the node is not the one where the disk ${disk} is`
    return refuse(name, `another folder of the storage class ${storageClass}`, words)
  }
  // A disk whose folder is known to be there is judged by that alone, whichever folder new disks go to.
  const isReached = made && folder !== null && found.folder === folder
  return found.problem === null || isReached
    ? null
    : refuse(name, `storage class ${storageClass} not ready`, `the storage class ${storageClass}: ${found.problem}`)
}
