// What hosts have and what is left of it, as measures.
import type { Measure } from './column.ts'

/** In thousandths of a core. */
export const CPU_ALL: Measure = { key: 'cpu', read: ({ facts }) => facts.milliCpu }
export const CPU_FREE: Measure = {
  key: 'cpu free',
  read: ({ facts, usedMilliCpu }) => facts.milliCpu - usedMilliCpu,
}

/** In bytes. */
export const MEMORY_ALL: Measure = { key: 'memory', read: ({ facts }) => facts.memoryBytes }
export const MEMORY_FREE: Measure = {
  key: 'memory free',
  read: ({ facts, usedMemoryBytes }) => facts.memoryBytes - usedMemoryBytes,
}

export const devicesAll = (device: string): Measure => ({
  key: `device ${device}`,
  read: ({ facts }) => facts.devices.get(device) ?? 0,
})

export const devicesFree = (device: string): Measure => ({
  key: `device free ${device}`,
  read: ({ facts, usedDevices }) => (facts.devices.get(device) ?? 0) - (usedDevices.get(device) ?? 0),
})

/** What a storage class has free in its files' folder; without an end on a host that has not told of it. In bytes. */
export const roomFree = (storageClass: string): Measure => ({
  key: `room free ${storageClass}`,
  read: ({ facts }) => facts.storageClasses?.get(storageClass)?.freeBytes ?? Infinity,
})

/** What disks that are not made yet are going to take of it. */
export const roomPromised = (storageClass: string): Measure => ({
  key: `room promised ${storageClass}`,
  read: ({ promisedBytes }) => promisedBytes.get(storageClass) ?? 0,
})
