// Why a host does not leave its cluster, and what helps.
import { expect, it } from 'vitest'
import { heldForScheduler } from '../../../../agent/membership/held.ts'
import { DISKS, IMAGES, VMS } from '../../../../agent/names.ts'
import type { HostBinding } from '../../../../schemas/index.ts'
import { aBinding } from '../../../support/bindings.ts'

const binding = (resource: string, name: string, phase = 'Accepted'): HostBinding => {
  const one = aBinding()
  return aBinding({ subject: { ...one.spec.subject, resource, name } }, [], { phase } as never)
}

const words = (...held: readonly HostBinding[]): string | null => heldForScheduler({ list: () => held as never })

it('nothing but what was released: it leaves', () => {
  expect(words(binding(VMS, 'web', 'Released'), binding(DISKS, 'root', 'Released'))).toBeNull()
})

it.each([
  [
    'a machine',
    [binding(IMAGES, 'debian'), binding(DISKS, 'root'), binding(VMS, 'web')],
    'Drain it first (berth drain)',
  ],
  ['a disk that a drain does not move', [binding(IMAGES, 'debian'), binding(DISKS, 'root')], 'A drain leaves disks'],
  [
    'an image that a drain does not move',
    [binding(IMAGES, 'debian'), binding(VMS, 'web', 'Released')],
    'A drain leaves images',
  ],
] as const)('%s: it says what helps', (_, held, help) => {
  const said = words(...held)
  expect(said).toContain('virtualimages default/debian')
  expect(said).toContain(help)
  expect(said?.includes('Drain it first')).toBe(help.startsWith('Drain'))
  expect(said).toContain('--force')
})
