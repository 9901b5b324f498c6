// User data out of an ISO image, and nothing out of what is none. The recovery tests read a real seed.
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { extentsIn, seedUserData } from '../../../../agent/recovery/seed-user-data.ts'
import { scratch } from '../../../support/scratch.ts'

const SECTOR = 2_048
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A folder's record of a file (ECMA-119, 9.1), with what matters here. */
function record(extent: number, bytes: number): Buffer {
  const made = Buffer.alloc(44)
  made[0] = made.length
  made.writeUInt32LE(extent, 2)
  made.writeUInt32LE(bytes, 10)
  return made
}

/** An image with these files in its root folder. */
function iso(...files: readonly string[]): Buffer {
  const image = Buffer.alloc((18 + files.length) * SECTOR)
  image.write('\x01CD001\x01', 16 * SECTOR, 'latin1')
  record(17, SECTOR).copy(image, 16 * SECTOR + 156)
  files.forEach((text, index) => {
    record(18 + index, Buffer.byteLength(text)).copy(image, 17 * SECTOR + index * 44)
    image.write(text, (18 + index) * SECTOR)
  })
  return image
}

it('the file with the digest is the one, whatever its name', async () => {
  const dir = scratch()
  writeFileSync(join(dir, 'u1.abc.iso'), iso('instance-id: u1\n', '#cloud-config\n'))
  writeFileSync(join(dir, 'u2.abc.iso'), iso('#cloud-config\n'))
  expect(await seedUserData(dir, 'u1', digestOf('#cloud-config\n'))).toBe('#cloud-config\n')
  expect(await seedUserData(dir, 'u1', digestOf('other'))).toBeNull()
  expect(await seedUserData(dir, 'u', digestOf('#cloud-config\n'))).toBeNull()
  expect(await seedUserData(join(dir, 'none'), 'u1', digestOf(''))).toBeNull()
})

it('what is no image, cut off, or points anywhere gives nothing and ends', async () => {
  const dir = scratch()
  const good = iso('#cloud-config\n')
  const wild = Buffer.from(good)
  record(0xffff_fff0, 0xffff_ffff).copy(wild, 17 * SECTOR)
  const hugeRoot = Buffer.from(good)
  record(0, 0xffff_ffff).copy(hugeRoot, 16 * SECTOR + 156)
  const broken = [Buffer.alloc(0), Buffer.alloc(40 * SECTOR), good.subarray(0, 17 * SECTOR + 3), wild, hugeRoot]
  for (const bytes of broken) {
    writeFileSync(join(dir, 'u.x.iso'), bytes)
    expect(await seedUserData(dir, 'u', digestOf('#cloud-config\n'))).toBeNull()
  }
})

it('records go on after the fill at the end of a sector', () => {
  const folder = Buffer.alloc(2 * SECTOR)
  record(1, 1).copy(folder, 0)
  record(2, 2).copy(folder, SECTOR)
  expect(extentsIn(folder)).toEqual([
    { sector: 1, bytes: 1 },
    { sector: 2, bytes: 2 },
  ])
})
