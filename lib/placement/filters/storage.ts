// Storage classes that a host has, and disks that lie on one host.
import type { DiskFacts } from '../facts.ts'
import { type Filter, refuse } from '../filter.ts'

const name = 'Storage'

export const STORAGE: Filter = {
  name,
  prepare({ vm: { disks }, migrate = false }) {
    if (disks.length === 0) return null
    return ({ facts }) => {
      for (const disk of disks) {
        const stays = disk.node !== null && !disk.shared && !migrate
        if (stays && disk.node !== facts.name)
          return refuse(name, 'disks lie on another node', `the disk ${disk.name} lies on ${disk.node}`)
        if (!stays && !serves(facts.storageClasses, disk)) {
          const words = `the node has no storage class ${disk.storageClass}, which the disk ${disk.name} is of`
          return refuse(name, `no storage class ${disk.storageClass}`, words)
        }
      }
      return null
    }
  },
}

const serves = (classes: ReadonlySet<string> | null, { storageClass }: DiskFacts): boolean =>
  classes === null || storageClass === null || classes.has(storageClass)
