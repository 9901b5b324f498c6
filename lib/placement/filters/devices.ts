// Devices of the host that guests get to themselves.
import { type Filter, Shortage } from '../filter.ts'

const name = 'Devices'

export const DEVICES: Filter = {
  name,
  prepare({ vm: { devices } }) {
    if (devices.length === 0) return null
    return (host) => {
      for (const { name: device, count } of devices) {
        const of = host.facts.devices.get(device) ?? 0
        const free = of - (host.usedDevices.get(device) ?? 0)
        if (free < count) return new Shortage(name, `devices ${device}`, { needs: count, free, of, say: String })
      }
      return null
    }
  },
}
