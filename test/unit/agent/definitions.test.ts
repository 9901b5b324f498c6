import { expect, it } from 'vitest'
import { Definitions } from '../../../agent/controllers/virtualmachine/definitions.ts'

const xml = (reboot: string) =>
  `<domain type='qemu'><name>x.y</name><uuid>u</uuid><on_reboot>${reboot}</on_reboot></domain>`

it('takes a definition apart once, anew when it has changed, and forgets', () => {
  const definitions = new Definitions()
  const first = definitions.read('u', xml('restart'))
  expect(first.onReboot).toBe('restart')
  expect(definitions.read('u', xml('restart'))).toBe(first)
  expect(definitions.read('other', xml('restart'))).not.toBe(first)
  expect(definitions.read('u', xml('destroy')).onReboot).toBe('destroy')
  const again = definitions.read('u', xml('restart'))
  expect(again).toEqual(first)
  definitions.forget('u')
  expect(definitions.read('u', xml('restart'))).not.toBe(again)
  expect(() => definitions.read('u', '<network/>')).toThrow('domain')
})

it('keeps those that still run', () => {
  const definitions = new Definitions()
  const [first, other] = ['u', 'other'].map((uid) => definitions.read(uid, xml('restart')))
  definitions.keep(new Set(['u']))
  expect(definitions.read('u', xml('restart'))).toBe(first)
  expect(definitions.read('other', xml('restart'))).not.toBe(other)
})
