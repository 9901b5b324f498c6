// Devices of the host that guests get to themselves.
import type { DeviceNeed } from '../facts.ts'
import { allOf, amountOf, type HostFilter, type Rule, Shortage } from '../filter.ts'
import { devicesAll, devicesFree } from '../measures.ts'
import type { Scene } from '../scene.ts'

const name = 'Devices'

export const DEVICES: HostFilter = {
  name,
  ofHost: true,
  prepare: ({ vm: { devices } }, scene) => allOf(devices.map((need) => ruleOf(need, scene))),
}

function ruleOf({ name: device, count: needs }: DeviceNeed, { roster }: Scene): Rule {
  const amount = amountOf(name, `devices ${device}`, String)
  const free = roster.numbers(devicesFree(device))
  const all = roster.numbers(devicesAll(device))
  return {
    fits: (slot) => needs <= free.at(slot),
    why: (slot) => new Shortage(amount, { needs, free: free.at(slot), of: all.at(slot) }),
  }
}
