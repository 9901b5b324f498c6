import { expect, it } from 'vitest'
import { looseEnds } from '../../../../agent/network/loose-ends.ts'

const PLUG = { network: 'berth', bridge: 'berth0' }
const nic = (hostDevice: string, network = 'berth') => ({ mac: '02:00:00:00:00:01', network, hostDevice })

it('interfaces of our network that are on no bridge are loose, and no others', () => {
  const masters: Readonly<Record<string, string | null>> = {
    vnet0: 'berth0',
    vnet1: null,
    vnet2: null,
    vnet3: 'br-own',
  }
  const loose = looseEnds(
    [nic('vnet0'), nic('vnet1'), nic('vnet2', 'theirs'), nic('vnet3'), nic('gone'), { mac: '02:00:00:00:00:02' }],
    PLUG,
    (device) => masters[device],
  )
  expect(loose).toEqual([{ device: 'vnet1', bridge: 'berth0' }])
})

it('without a network nothing is loose', () => {
  expect(looseEnds([nic('vnet1')], null, () => null)).toEqual([])
})
