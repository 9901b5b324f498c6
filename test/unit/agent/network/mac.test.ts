import { describe, expect, it } from 'vitest'
import { macAddress } from '../../../../agent/network/mac.ts'

describe('MAC addresses', () => {
  it('are the same for the same VM and NIC, today and tomorrow', () => {
    expect(macAddress('6f3b1c1e-5a43-4b8a-9b69-0c5d8f6a2f11', 0)).toBe('02:b8:0d:8a:41:36')
  })

  it('are locally administered, for one station, and differ', () => {
    const macs = Array.from({ length: 2000 }, (_, i) => macAddress(`uid-${i >> 1}`, i & 1))
    for (const mac of macs) expect(mac).toMatch(/^02(:[0-9a-f]{2}){5}$/)
    expect(new Set(macs).size).toBe(macs.length)
  })
})
