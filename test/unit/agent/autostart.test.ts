import { expect, it } from 'vitest'
import { keepFromAutostart } from '../../../agent/autostart.ts'
import type { LibvirtPool } from '../../../lib/libvirt/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { aVm, VM_UID } from '../../support/objects.ts'

it('domains of ours that libvirt would start by itself are kept from it, now and each minute; others are left alone', async () => {
  const clock = new ManualClock()
  const stopping = new AbortController()
  const autostarted = new Set([VM_UID, 'theirs'])
  const told: string[] = []
  let lists = 0
  const call = async (name: string, args: { dom?: { uuid: string }; autostart?: number }) => {
    if (name === 'DomainSetAutostart' && args.autostart === 0) return autostarted.delete(args.dom?.uuid ?? '')
    lists++
    if (lists === 2) throw new Error('libvirt is away')
    return { domains: [...autostarted].map((uuid) => ({ name: uuid, uuid, id: -1 })) }
  }
  const guarding = keepFromAutostart(
    {
      libvirt: { call } as unknown as Pick<LibvirtPool, 'call'>,
      clock,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      events: { record: (_, { reason }) => void told.push(reason) },
      vmOf: (uid) => (uid === VM_UID ? aVm() : null),
    },
    stopping.signal,
  )
  await clock.advance(1_000)
  expect([[...autostarted], told]).toEqual([['theirs'], ['DefinitionRestored']])
  autostarted.add(VM_UID)
  await clock.advance(60_000)
  expect(autostarted.has(VM_UID)).toBe(true)
  await clock.advance(60_000)
  expect([[...autostarted], told.length, lists]).toEqual([['theirs'], 2, 3])
  stopping.abort(new Error('stopping'))
  await guarding
})
