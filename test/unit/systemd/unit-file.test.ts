import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { EXIT } from '../../../agent/exit-codes.ts'
import { READY_WITHIN_MS } from '../../../lib/server/supervision.ts'

const unit = readFileSync('systemd/berth-agent.service', 'utf8')
const settings = (name: string): string[] =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)

describe('berth-agent.service', () => {
  it('is tried again unless trying again cannot help', () => {
    expect(settings('Restart')).toEqual(['always'])
    expect(settings('RestartPreventExitStatus')).toEqual([`${EXIT.usage} ${EXIT.storeUnusable}`])
  })

  it('gives the agent the time that it takes to be ready', () => {
    expect(Number(settings('TimeoutStartSec')[0]) * 1000).toBeGreaterThan(2 * READY_WITHIN_MS)
  })

  it('lets root in the agent keep no more than ten capabilities, and those that confine qemu-img are among them', () => {
    const kept = (settings('CapabilityBoundingSet')[0] ?? '').split(' ')
    expect(kept).toHaveLength(10)
    expect(kept).toEqual(expect.arrayContaining(['CAP_SYS_ADMIN', 'CAP_SYS_CHROOT', 'CAP_SETUID', 'CAP_SETPCAP']))
  })
})
