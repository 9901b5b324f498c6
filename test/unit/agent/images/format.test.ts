import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compressionOf, detect, HEAD_BYTES } from '../../../../agent/images/format.ts'

/** A qcow2 header of version 3, changed where a test wants. */
function qcow2(change: (header: Buffer) => void = () => {}): Buffer {
  const header = Buffer.alloc(HEAD_BYTES)
  header.write('QFI\xfb', 0, 'latin1')
  header.writeUInt32BE(3, 4)
  header.writeUInt32BE(16, 20)
  header.writeBigUInt64BE(1n << 30n, 24)
  header.writeUInt32BE(104, 100)
  change(header)
  return header
}

function iso(): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.write('CD001', 32_769, 'latin1')
  return head
}

const text = (content: string): Buffer => Buffer.from(content, 'latin1')
const at = (offset: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.alloc(offset), bytes, Buffer.alloc(600)])

describe('detect', () => {
  const images = [
    ['qcow2 version 3', qcow2(), 'qcow2'],
    ['qcow2 version 2', qcow2((header) => header.writeUInt32BE(2, 4)), 'qcow2'],
    ['sparse VMDK', text(`KDMV${'\0'.repeat(600)}`), 'vmdk'],
    ['VDI', at(64, Buffer.from([0x7f, 0x10, 0xda, 0xbe])), 'vdi'],
    ['ISO 9660', iso(), 'iso'],
    ['anything else', Buffer.alloc(HEAD_BYTES, 0x55), 'raw'],
    ['one byte', Buffer.from([0]), 'raw'],
  ] as const
  for (const [title, head, format] of images) {
    it(title, () => expect(detect(head)).toEqual({ kind: 'image', format }))
  }

  const refused = [
    ['nothing', Buffer.alloc(0), /^empty/],
    ['qcow2 with a backing file', qcow2((header) => header.writeBigUInt64BE(200n, 8)), /backing file/],
    ['qcow2 with the length of a backing name only', qcow2((header) => header.writeUInt32BE(11, 16)), /backing file/],
    ['qcow2 with a data file', qcow2((header) => header.writeBigUInt64BE(4n, 72)), /external data file/],
    ['qcow2 with encryption', qcow2((header) => header.writeUInt32BE(2, 32)), /encrypted/],
    ['qcow of version 1', qcow2((header) => header.writeUInt32BE(1, 4)), /version 1/],
    ['qcow2 of the future', qcow2((header) => header.writeUInt32BE(4, 4)), /version 4/],
    ['VMDK descriptor', text('# Disk DescriptorFile\nversion=1\n'), /names other files/],
    ['VMDK descriptor after blanks', text('\n\n  # disk descriptorfile\n'), /names other files/],
    ['VHDX', text(`vhdxfile${' '.repeat(600)}`), /VHDX/],
    ['VHD', text(`conectix${' '.repeat(600)}`), /VHD/],
    ['LUKS', at(0, text('LUKS\xba\xbe')), /LUKS/],
    ['tar', at(257, text('ustar')), /tar archive/],
    ['zip', text('PK\x03\x04rest'), /zip/],
    ['bzip2', text('BZh91AY'), /bzip2/],
    ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0]), /zstd/],
    ['gz', Buffer.from([0x1f, 0x8b, 8]), /compressed twice/],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]), /compressed twice/],
    ['a web page', text('  <!DOCTYPE HTML><html>'), /web page/],
  ] as const
  for (const [title, head, words] of refused) {
    it(`${title} is refused`, () => {
      const found = detect(head)
      expect(found.kind).toBe('refused')
      expect(found.kind === 'refused' && found.what).toMatch(words)
    })
  }

  it('every truncation of a qcow2 header is refused, or nothing qcow2 any more', () => {
    for (let length = 4; length < 104; length += 1) {
      expect(detect(qcow2().subarray(0, length)).kind, `${length} bytes`).toBe('refused')
    }
    expect(detect(qcow2().subarray(0, 104))).toEqual({ kind: 'image', format: 'qcow2' })
  })

  it('no bytes make it throw, and a backing file is never let through', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        detect(Buffer.from(bytes))
        const header = qcow2()
        header.set(bytes.subarray(0, 60), 8)
        const found = detect(header)
        const backed = header.readBigUInt64BE(8) !== 0n || header.readUInt32BE(16) !== 0
        expect(found.kind === 'image' && backed).toBe(false)
      }),
    )
  })
})

describe('compressionOf', () => {
  it('goes by the bytes', () => {
    expect(compressionOf(Buffer.from([0x1f, 0x8b]))).toBe('gz')
    expect(compressionOf(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]))).toBe('xz')
    expect(compressionOf(Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]))).toBeNull()
    expect(compressionOf(Buffer.alloc(0))).toBeNull()
  })
})
