import { describe, expect, it } from 'vitest'
import type { Room } from '../../../../agent/images/confine.ts'
import { judge, probe } from '../../../../agent/images/probe.ts'
import { ProgramError } from '../../../../lib/exec.ts'

const MAX = 1n << 40n
const PATH = '/work/in'
const good = { format: 'qcow2', 'virtual-size': 1 << 20, 'format-specific': { data: { corrupt: false } } }
const vmdk = (data: object) => ({ format: 'vmdk', 'virtual-size': 512, 'format-specific': { data } })
const extent = { filename: PATH }

describe('judge', () => {
  it('gives the size, rounded up to a sector', () => {
    expect(judge(good, 'qcow2', PATH, MAX)).toEqual({ virtualSize: 1n << 20n })
    expect(judge({ format: 'raw', 'virtual-size': 513 }, 'raw', PATH, MAX)).toEqual({ virtualSize: 1024n })
  })

  it('takes the two kinds of VMDK that are one file', () => {
    for (const type of ['monolithicSparse', 'streamOptimized']) {
      expect(judge(vmdk({ 'create-type': type, extents: [extent] }), 'vmdk', PATH, MAX).virtualSize).toBe(512n)
    }
  })

  const refused = [
    ['another format', { ...good, format: 'raw' }, 'qcow2', /is raw, not qcow2/],
    ['a backing file', { ...good, 'backing-filename': '/etc/passwd' }, 'qcow2', /backing file/],
    ['a full backing name', { ...good, 'full-backing-filename': '/etc/passwd' }, 'qcow2', /backing file/],
    ['a data file', { ...good, 'format-specific': { data: { 'data-file': 'x' } } }, 'qcow2', /data file/],
    ['encryption', { ...good, encrypted: true }, 'qcow2', /encrypted/],
    ['encryption in the format', { ...good, 'format-specific': { data: { encrypt: {} } } }, 'qcow2', /encrypted/],
    ['corruption', { ...good, 'format-specific': { data: { corrupt: true } } }, 'qcow2', /corrupt/],
    ['no size', { ...good, 'virtual-size': undefined }, 'qcow2', /beyond all bounds/],
    ['a size beyond integers', { ...good, 'virtual-size': 2 ** 60 }, 'qcow2', /beyond all bounds/],
    ['an empty disk', { ...good, 'virtual-size': 0 }, 'qcow2', /empty disk/],
    ['a disk too large', { ...good, 'virtual-size': 2 ** 41 }, 'qcow2', /importer.maxVirtualBytes is 1099511627776/],
    ['a flat VMDK', vmdk({ 'create-type': 'monolithicFlat', extents: [extent] }), 'vmdk', /of type monolithicFlat/],
    [
      'a VMDK of two files',
      vmdk({ 'create-type': 'streamOptimized', extents: [extent, extent] }),
      'vmdk',
      /other files/,
    ],
    [
      'a VMDK of another file',
      vmdk({ 'create-type': 'streamOptimized', extents: [{ filename: '/x' }] }),
      'vmdk',
      /other files/,
    ],
    ['a VMDK of no file', vmdk({ 'create-type': 'streamOptimized' }), 'vmdk', /other files/],
    ['an empty answer', {}, 'qcow2', /is undefined/],
  ] as const
  for (const [title, info, format, words] of refused) {
    it(`${title} is refused`, () => {
      expect(() => judge(info, format, PATH, MAX)).toThrow(words)
    })
  }
})

describe('a qemu-img that fails', () => {
  // A fake: a program that the kernel ends for want of memory cannot be had on demand.
  const roomIn = (end: ProgramError['end']) =>
    ({ run: () => Promise.reject(new ProgramError('qemu-img', end, 'Image is corrupt')) }) as unknown as Room

  it.each([
    ['by itself: the image is refused for good', { kind: 'exit', code: 1 }, 'refused'],
    ['by a signal: the image is tried again', { kind: 'signal', signal: 'SIGKILL' }, 'host'],
    ['by its deadline: the image is tried again', { kind: 'timeout', afterMs: 10_000 }, 'host'],
  ] as const)('ends %s', async (_title, end, fault) => {
    const { signal } = new AbortController()
    await expect(probe(roomIn(end), 'in', 'qcow2', MAX, signal)).rejects.toMatchObject({ fault })
  })
})
