// What a file is, from its first bytes: our own judgement, made before any other program reads it. Pure.

/** `disk` files are converted, `iso` is kept as it is. */
export type SourceFormat = 'qcow2' | 'vmdk' | 'vdi' | 'iso' | 'raw'

export type Detected =
  | { readonly kind: 'image'; readonly format: SourceFormat }
  /** Known, and not acceptable: words for the operator, to follow "the file is". */
  | { readonly kind: 'refused'; readonly what: string }

export type Compression = 'gz' | 'xz'

/** So many bytes are enough for every decision here (the ISO descriptor is the farthest: sector 16). */
export const HEAD_BYTES = 36_864

const ascii = (text: string): Buffer => Buffer.from(text, 'latin1')

interface Magic {
  readonly at: number
  readonly bytes: Buffer
}

const at = (offset: number, bytes: Buffer): Magic => ({ at: offset, bytes })

const COMPRESSION: readonly (Magic & { readonly is: Compression })[] = [
  { ...at(0, Buffer.from([0x1f, 0x8b])), is: 'gz' },
  { ...at(0, Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])), is: 'xz' },
]

/** Formats that would otherwise pass for a raw disk and start nothing. */
const REFUSED: readonly (Magic & { readonly what: string })[] = [
  { ...at(0, ascii('vhdxfile')), what: 'a VHDX image, which is not supported' },
  { ...at(0, ascii('conectix')), what: 'a VHD image, which is not supported' },
  { ...at(0, ascii('QED\0')), what: 'a QED image, which is not supported' },
  { ...at(0, ascii('WithoutFreeSpace')), what: 'a Parallels image, which is not supported' },
  { ...at(0, ascii('WithouFreSpacExt')), what: 'a Parallels image, which is not supported' },
  { ...at(0, ascii('COWD')), what: 'an old VMDK image (COWD), which is not supported' },
  { ...at(0, ascii('LUKS\xba\xbe')), what: 'an encrypted image (LUKS), which is not supported' },
  { ...at(257, ascii('ustar')), what: 'a tar archive (an OVA is one): unpack it and serve the disk image in it' },
  { ...at(0, ascii('PK\x03\x04')), what: 'a zip archive: unpack it and serve the disk image in it' },
  { ...at(0, ascii('7z\xbc\xaf\x27\x1c')), what: 'a 7z archive: unpack it and serve the disk image in it' },
  { ...at(0, ascii('BZh')), what: 'compressed with bzip2: only gz and xz are supported' },
  { ...at(0, Buffer.from([0x28, 0xb5, 0x2f, 0xfd])), what: 'compressed with zstd: only gz and xz are supported' },
]

/** Sectors 16 to 17 hold the volume descriptors of ISO 9660. */
const ISO_AT = 32_769

const has = (head: Buffer, magic: Magic): boolean =>
  head.subarray(magic.at, magic.at + magic.bytes.length).equals(magic.bytes)

/** Compression of a stream that begins with `head`, null when it has none. 6 bytes are enough. */
export const compressionOf = (head: Buffer): Compression | null =>
  COMPRESSION.find((magic) => has(head, magic))?.is ?? null

/** Judges an unpacked file by its first {@link HEAD_BYTES} bytes (fewer when it is shorter). */
export function detect(head: Buffer): Detected {
  if (head.length === 0) return { kind: 'refused', what: 'empty' }
  if (compressionOf(head) !== null) return { kind: 'refused', what: 'compressed twice' }
  if (has(head, at(0, ascii('QFI\xfb')))) return qcow(head)
  if (has(head, at(0, ascii('KDMV')))) return { kind: 'image', format: 'vmdk' }
  if (isVmdkDescriptor(head)) {
    return { kind: 'refused', what: 'a VMDK descriptor that names other files: make one file of it first' }
  }
  if (has(head, at(64, Buffer.from([0x7f, 0x10, 0xda, 0xbe])))) return { kind: 'image', format: 'vdi' }
  const known = REFUSED.find((magic) => has(head, magic))
  if (known !== undefined) return { kind: 'refused', what: known.what }
  if (has(head, at(ISO_AT, ascii('CD001')))) return { kind: 'image', format: 'iso' }
  if (isWebPage(head)) return { kind: 'refused', what: 'a web page, not a disk image' }
  return { kind: 'image', format: 'raw' }
}

const QCOW2_HEADER = 72
const INCOMPATIBLE = { dataFile: 1n << 2n } as const

/** The header fields through which a qcow2 file reaches other files. `qemu-img` is asked again later. */
function qcow(head: Buffer): Detected {
  if (head.length < QCOW2_HEADER) return { kind: 'refused', what: 'a qcow2 image with a header cut short' }
  const version = head.readUInt32BE(4)
  if (version !== 2 && version !== 3) return { kind: 'refused', what: `a qcow image of version ${version}, not 2 or 3` }
  if (head.readBigUInt64BE(8) !== 0n || head.readUInt32BE(16) !== 0) {
    return { kind: 'refused', what: 'a qcow2 image with a backing file, which is not allowed' }
  }
  if (head.readUInt32BE(32) !== 0) return { kind: 'refused', what: 'an encrypted qcow2 image, which is not supported' }
  if (version === 3) {
    if (head.length < 104) return { kind: 'refused', what: 'a qcow2 image with a header cut short' }
    if ((head.readBigUInt64BE(72) & INCOMPATIBLE.dataFile) !== 0n) {
      return { kind: 'refused', what: 'a qcow2 image with an external data file, which is not allowed' }
    }
  }
  return { kind: 'image', format: 'qcow2' }
}

const startOf = (head: Buffer): string => head.subarray(0, 1024).toString('latin1').trimStart().toLowerCase()

const isVmdkDescriptor = (head: Buffer): boolean => startOf(head).startsWith('# disk descriptorfile')

const isWebPage = (head: Buffer): boolean => /^(<!doctype html|<html)/.test(startOf(head))
