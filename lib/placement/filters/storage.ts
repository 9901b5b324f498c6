// Storage classes that a host has, with room for the disks that are to be made there, and disks that lie on one host.
import type { ClassRoom, DiskFacts } from '../facts.ts'
import { roomOn } from '../facts.ts'
import { type Filter, type Refusal, refuse, Shortage } from '../filter.ts'
import type { KnownHost } from '../host.ts'
import { sizeWords } from '../words.ts'

const name = 'Storage'

export const STORAGE: Filter = {
  name,
  prepare({ vm: { disks }, migrate = false }, cluster) {
    if (disks.length === 0) return null
    const promised = promisedIn(disks, cluster.hosts)
    return (host) => {
      const { storageClasses } = host.facts
      const stays = (disk: DiskFacts) => disk.node !== null && !disk.shared && !migrate
      for (const disk of disks) {
        if (!stays(disk)) {
          const refusal = storageClasses === null ? null : classRefusal(disk, storageClasses)
          if (refusal !== null) return refusal
        } else if (disk.node !== host.name)
          return refuse(name, 'disks lie on another node', `the disk ${disk.name} lies on ${disk.node}`)
      }
      return storageClasses === null ? null : roomRefusal(disks, host, storageClasses, promised)
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

function roomRefusal(
  disks: readonly DiskFacts[],
  host: KnownHost,
  classes: Classes,
  promised: ReadonlyMap<string, number>,
): Refusal | null {
  for (const storageClass of new Set(disks.map((disk) => disk.storageClass))) {
    const found = storageClass === null ? undefined : classes.get(storageClass)
    if (found === undefined || storageClass === null) continue
    const needs = disks.reduce(
      (sum, disk) => sum + (disk.storageClass === storageClass ? roomOn(disk, host.name) : 0),
      0,
    )
    if (needs === 0) continue
    const free = found.freeBytes - (promised.get(storageClass) ?? host.promisedBytes.get(storageClass) ?? 0)
    // Fewer VMs make no room on disks: what was made stays.
    if (needs > free)
      return new Shortage(
        name,
        `room in the storage class ${storageClass}`,
        { needs, free, of: found.totalBytes, say: sizeWords },
        false,
      )
  }
  return null
}

/** What is promised to disks of shared classes, on whichever host: their folder is one. */
function promisedIn(disks: readonly DiskFacts[], hosts: readonly KnownHost[]): ReadonlyMap<string, number> {
  const classes = new Set(
    disks.flatMap(({ shared, made, storageClass }) => (shared && !made ? (storageClass ?? []) : [])),
  )
  return new Map(
    [...classes].map((storageClass) => [
      storageClass,
      hosts.reduce((sum, { promisedBytes }) => sum + (promisedBytes.get(storageClass) ?? 0), 0),
    ]),
  )
}
