// Of libvirt's own cookie of Begin only what Finish understands in every version.
import { expect, it } from 'vitest'
import { arrivalCookie } from '../../../../agent/migration/arrival-cookie.ts'

const WHO = `  <name>default.a&amp;b</name>
  <uuid>dd48d9fc-80e9-4cc8-a563-03055e80a6cb</uuid>
  <hostname>h1</hostname>
  <hostuuid>54dae7d6-b67d-4c1b-bb56-396a6817b43b</hostuuid>
`
const WAY = `  <nbd>
    <disk target='sda' capacity='268435456'/>
  </nbd>
`
const cookie = (inner: string) => Buffer.from(`<qemu-migration>\n${inner}</qemu-migration>\n\0`)
const textOf = (bytes: Uint8Array | null) => Buffer.from(bytes ?? []).toString('utf8')

it('names the machine, its host and the way of its disks, and asks for no feature', () => {
  const begun = cookie(
    `${WHO}  <feature name='lockstate'/>\n  <lockstate driver='lockd'/>\n${WAY}  <cpu mode='custom'/>\n`,
  )
  expect(textOf(arrivalCookie(begun)).replaceAll('"', "'")).toBe(textOf(cookie(WHO + WAY)))
})

it.each([
  ['has no way of disks', cookie(WHO)],
  ['does not say whose it is', cookie(WAY)],
  ['is none', Buffer.from('')],
  ['is something else', Buffer.from('<other/>\0')],
])('is none when Begin’s %s', (_what, begun) => {
  expect(arrivalCookie(begun)).toBeNull()
})
