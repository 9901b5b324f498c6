import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { READY_WITHIN_MS } from '../../../lib/server/supervision.ts'
import { EXIT } from '../../../scheduler/exit-codes.ts'

const unit = readFileSync('systemd/berth-scheduler.service', 'utf8')
const settings = (name: string): string[] =>
  [...unit.matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value = '']) => value)

it('is tried again unless trying again cannot help', () => {
  expect(settings('Restart')).toEqual(['always'])
  expect(settings('RestartPreventExitStatus')).toEqual([`${EXIT.usage} ${EXIT.storeUnusable}`])
  expect(Number(settings('TimeoutStartSec')[0]) * 1000).toBeGreaterThan(2 * READY_WITHIN_MS)
})

it('has nothing of root but its files', () => {
  expect(settings('CapabilityBoundingSet')).toEqual(['CAP_CHOWN'])
  expect(settings('ProtectSystem')).toEqual(['strict'])
  expect(settings('StateDirectory')).toEqual(['berth-scheduler'])
})
