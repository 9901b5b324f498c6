import { expect, it } from 'vitest'
import { noteShutdown } from '../../../agent/libvirt-events.ts'

it('what a guest did is not lost when libvirt ends its QEMU by a signal right after', () => {
  const shutdowns = new Map<string, string>()
  noteShutdown(shutdowns, 'a', '{"guest":true,"reason":"guest-reset"}')
  noteShutdown(shutdowns, 'a', '{"guest":false,"reason":"host-signal"}')
  noteShutdown(shutdowns, 'b', '{"guest":false,"reason":"host-signal"}')
  expect([...shutdowns]).toEqual([
    ['a', 'guest-reset'],
    ['b', 'host-signal'],
  ])
})

it('what is no event of QEMU says nothing', () => {
  const shutdowns = new Map<string, string>()
  for (const details of [null, '', '{', '[]', 'null', '{"reason":1}', '{}']) noteShutdown(shutdowns, 'a', details)
  expect(shutdowns.size).toBe(0)
})
