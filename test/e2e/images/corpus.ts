// Hostile images, made by code: each names, claims or swells something that it should not. `outside` is a folder that no import may touch.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { crc32, gzipSync } from 'node:zlib'
import { gz, type Sources, xz } from './sources.ts'

const exec = promisify(execFile)
const MIB = 1 << 20
const CLUSTER = 65_536

export interface Hostile {
  readonly title: string
  readonly bytes: Buffer
  /** Words of the refusal; null when the image is harmless as it is read and therefore taken. */
  readonly refused: RegExp | null
  /** Of what is taken: the first bytes that a guest sees. */
  readonly begins?: string
}

/** Where header fields of qcow2 are (docs/interop/qcow2.txt of QEMU). */
const FIELD = {
  version: 4,
  backingOffset: 8,
  backingSize: 16,
  clusterBits: 20,
  size: 24,
  crypt: 32,
  l1Size: 36,
  l1Offset: 40,
  refcountOffset: 48,
  refcountClusters: 56,
  snapshots: 60,
  snapshotsOffset: 64,
  incompatible: 72,
  refcountOrder: 96,
  headerLength: 100,
} as const

const DATA = 'what the guest sees'
const EXTENSIONS_AT = 112

/** A small, sound qcow2 file of version 3: header, refcounts, L1, L2 and one cluster of data. */
function sound(): Buffer {
  const file = Buffer.alloc(6 * CLUSTER)
  file.write('QFI\xfb', 0, 'latin1')
  file.writeUInt32BE(3, FIELD.version)
  file.writeUInt32BE(16, FIELD.clusterBits)
  file.writeBigUInt64BE(BigInt(MIB), FIELD.size)
  file.writeUInt32BE(1, FIELD.l1Size)
  file.writeBigUInt64BE(3n * 65_536n, FIELD.l1Offset)
  file.writeBigUInt64BE(65_536n, FIELD.refcountOffset)
  file.writeUInt32BE(1, FIELD.refcountClusters)
  file.writeUInt32BE(4, FIELD.refcountOrder)
  file.writeUInt32BE(EXTENSIONS_AT, FIELD.headerLength)
  file.writeBigUInt64BE(2n * 65_536n, CLUSTER)
  for (let cluster = 0; cluster < 6; cluster++) file.writeUInt16BE(1, 2 * CLUSTER + 2 * cluster)
  const copied = 1n << 63n
  file.writeBigUInt64BE(copied | (4n * 65_536n), 3 * CLUSTER)
  file.writeBigUInt64BE(copied | (5n * 65_536n), 4 * CLUSTER)
  file.write(DATA, 5 * CLUSTER)
  return file
}

function qcow2(change: (file: Buffer) => void): Buffer {
  const file = sound()
  change(file)
  return file
}

/** Names a backing file, with its format where one is given, as an extension. */
const backed = (name: string, format = ''): Buffer =>
  qcow2((file) => {
    const at = extension(file, EXTENSIONS_AT, 0xe2792aca, format)
    file.write(name, at + 64)
    file.writeBigUInt64BE(BigInt(at + 64), FIELD.backingOffset)
    file.writeUInt32BE(Buffer.byteLength(name), FIELD.backingSize)
  })

/** Writes a header extension and returns where the next one begins. */
function extension(file: Buffer, at: number, type: number, text: string): number {
  file.writeUInt32BE(type, at)
  file.writeUInt32BE(Buffer.byteLength(text), at + 4)
  file.write(text, at + 8)
  return at + 8 + Math.ceil(Buffer.byteLength(text) / 8) * 8
}

const DATA_FILE = 0x44415441
const dataFile = (name: string, bit: bigint): Buffer =>
  qcow2((file) => {
    extension(file, EXTENSIONS_AT, DATA_FILE, name)
    file.writeBigUInt64BE(bit, FIELD.incompatible)
  })

function qcow2Images(outside: string, port: number): Hostile[] {
  const backing = /a qcow2 image with a backing file/
  const secret = join(outside, 'secret.raw')
  const names = [
    secret,
    `../../../../../../../..${secret}`,
    `file:${secret}`,
    `json:${JSON.stringify({ driver: 'file', filename: secret })}`,
    `json:${JSON.stringify({ driver: 'raw', file: { driver: 'host_device', filename: '/dev/sda' } })}`,
    `nbd://127.0.0.1:${port}/x`,
    `http://127.0.0.1:${port}/x`,
    `fat:rw:${outside}`,
    '/proc/self/environ',
  ]
  const unreadable = /the qcow2 image can't be read/
  const wrong: [string, (file: Buffer) => void, RegExp | null][] = [
    ['unknown incompatible features', (f) => f.writeBigUInt64BE(1n << 63n, FIELD.incompatible), unreadable],
    ['marked as corrupt', (f) => f.writeBigUInt64BE(2n, FIELD.incompatible), /corrupt|can't be read/],
    ['header_length 0', (f) => f.writeUInt32BE(0, FIELD.headerLength), unreadable],
    ['header_length 4 GiB', (f) => f.writeUInt32BE(0xffffffff, FIELD.headerLength), unreadable],
    ['cluster_bits 0', (f) => f.writeUInt32BE(0, FIELD.clusterBits), unreadable],
    ['cluster_bits 63', (f) => f.writeUInt32BE(63, FIELD.clusterBits), unreadable],
    ['cluster_bits 4 GiB', (f) => f.writeUInt32BE(0xffffffff, FIELD.clusterBits), unreadable],
    ['refcount_order 4 GiB', (f) => f.writeUInt32BE(0xffffffff, FIELD.refcountOrder), unreadable],
    ['an L1 table of 32 GiB', (f) => f.writeUInt32BE(0xffffffff, FIELD.l1Size), unreadable],
    ['no L1 table for its size', (f) => f.writeUInt32BE(0, FIELD.l1Size), unreadable],
    ['an L1 table beyond all files', (f) => f.writeBigUInt64BE((1n << 63n) - 65_536n, FIELD.l1Offset), unreadable],
    ['an L1 table at an odd place', (f) => f.writeBigUInt64BE(12_345n, FIELD.l1Offset), unreadable],
    ['refcounts beyond all files', (f) => f.writeBigUInt64BE(1n << 62n, FIELD.refcountOffset), null],
    ['a refcount table of 256 TiB', (f) => f.writeUInt32BE(0xffffffff, FIELD.refcountClusters), unreadable],
    ['4 billion snapshots', (f) => f.writeUInt32BE(0xffffffff, FIELD.snapshots), unreadable],
    [
      'snapshots beyond the file',
      (f) => {
        f.writeUInt32BE(2, FIELD.snapshots)
        f.writeBigUInt64BE(1n << 40n, FIELD.snapshotsOffset)
      },
      null,
    ],
    ['an extension of 4 GiB', (f) => f.writeUInt32BE(0xffffffff, extension(f, EXTENSIONS_AT, 1, 'x') + 4), unreadable],
    ['a disk of 8 EiB', (f) => f.writeBigUInt64BE((1n << 63n) - 512n, FIELD.size), /can't be read|beyond all bounds/],
    ['a disk of 16 EiB', (f) => f.writeBigUInt64BE((1n << 64n) - 1n, FIELD.size), /can't be read|beyond all bounds/],
    ['a disk of nothing', (f) => f.writeBigUInt64BE(0n, FIELD.size), /an empty disk/],
    ['encryption by AES', (f) => f.writeUInt32BE(1, FIELD.crypt), /encrypted/],
    ['encryption by LUKS', (f) => f.writeUInt32BE(2, FIELD.crypt), /encrypted/],
    ['unknown encryption', (f) => f.writeUInt32BE(77, FIELD.crypt), /encrypted/],
    ['L2 in the header', (f) => f.writeBigUInt64BE(1n << 63n, 3 * CLUSTER), null],
    ['L2 that is L1', (f) => f.writeBigUInt64BE((1n << 63n) | (3n * 65_536n), 3 * CLUSTER), null],
    ['L2 beyond the file', (f) => f.writeBigUInt64BE((1n << 63n) | (1n << 50n), 3 * CLUSTER), null],
    ['data beyond the file', (f) => f.writeBigUInt64BE((1n << 63n) | (1n << 50n), 4 * CLUSTER), null],
    [
      'compressed data beyond the file',
      (f) => f.writeBigUInt64BE((1n << 62n) | (0xfffffn << 40n) | 0x1234567n, 4 * CLUSTER),
      /can't be converted/,
    ],
  ]
  return [
    { title: 'a sound image', bytes: sound(), refused: null, begins: DATA },
    {
      title: 'a disk whose own first bytes are an image with a backing file',
      bytes: qcow2((f) => f.set(backed(secret, 'raw').subarray(0, 1_024), 5 * CLUSTER)),
      refused: null,
      begins: 'QFI',
    },
    ...names.map((name) => ({
      title: `backing file ${name}`,
      bytes: backed(name, 'raw'),
      refused: backing,
    })),
    ...names.map((name) => ({
      title: `backing file ${name} in version 2`,
      bytes: (() => {
        const file = backed(name)
        file.writeUInt32BE(2, FIELD.version)
        return file
      })(),
      refused: backing,
    })),
    {
      title: 'the format of a backing file, without one',
      bytes: qcow2((f) => void extension(f, EXTENSIONS_AT, 0xe2792aca, 'json:{}')),
      refused: null,
      begins: DATA,
    },
    {
      title: 'a backing name of 4 GiB',
      bytes: qcow2((f) => {
        f.writeBigUInt64BE(600n, FIELD.backingOffset)
        f.writeUInt32BE(0xffffffff, FIELD.backingSize)
      }),
      refused: backing,
    },
    { title: 'an external data file', bytes: dataFile(secret, 4n), refused: /external data file/ },
    { title: 'an external data file by nbd', bytes: dataFile(`nbd://127.0.0.1:${port}`, 4n), refused: /external data/ },
    {
      title: 'the name of a data file, without the feature',
      bytes: dataFile(secret, 0n),
      refused: /external data file/,
    },
    ...wrong.map(([title, change, refused]) => ({ title: `qcow2: ${title}`, bytes: qcow2(change), refused })),
    {
      title: 'qcow2: a disk of 60 MiB that is one cluster many times',
      bytes: repeated(60),
      refused: null,
      begins: DATA,
    },
  ]
}

/** Each cluster of the disk is the same cluster of the file: small to fetch, large when written out. */
function repeated(mib: number): Buffer {
  return qcow2((file) => {
    file.writeBigUInt64BE(BigInt(mib * MIB), FIELD.size)
    for (let cluster = 0; cluster < (mib * MIB) / CLUSTER; cluster++)
      file.writeBigUInt64BE(5n * 65_536n, 4 * CLUSTER + 8 * cluster)
  })
}

const descriptor = (type: string, extent: string, parent = ''): string =>
  `# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=${parent === '' ? 'ffffffff' : '00000000'}\n` +
  `createType="${type}"\n${parent === '' ? '' : `parentFileNameHint="${parent}"\n`}${extent}\n` +
  'ddb.virtualHWVersion = "4"\nddb.geometry.cylinders = "4"\nddb.geometry.heads = "16"\nddb.geometry.sectors = "63"\n'

/** A sparse VMDK whose embedded descriptor is this one. Capacity 0: QEMU takes the descriptor for the whole truth. */
function embedded(base: Buffer, text: string, capacity: 'kept' | 'none' = 'none'): Buffer {
  const file = Buffer.from(base)
  const at = file.indexOf('# Disk DescriptorFile')
  file.fill(0, at, at + 4_096)
  file.write(text, at)
  if (capacity === 'none') file.writeBigUInt64LE(0n, 12)
  return file
}

function vmdkImages(outside: string, base: Buffer): Hostile[] {
  const flat = `RW 2048 FLAT "${join(outside, 'secret.raw')}" 0`
  const fault = /VMDK image|can't be read/
  const change = (write: (file: Buffer) => void): Buffer => {
    const file = Buffer.from(base)
    write(file)
    return file
  }
  const alone: [string, string][] = [
    ['monolithicFlat', flat],
    ['twoGbMaxExtentFlat', flat],
    ['vmfs', `RW 2048 VMFS "${join(outside, 'secret.raw')}" 0`],
    ['fullDevice', 'RW 2048 FLAT "/dev/sda" 0'],
    ['partitionedDevice', 'RW 2048 FLAT "/dev/sda1" 0'],
    ['custom', `RW 2048 SPARSE "../../..${outside}/secret.qcow2"`],
  ]
  return [
    ...alone.map(([type, extent]) => ({
      title: `a VMDK descriptor, ${type}`,
      bytes: Buffer.from(descriptor(type, extent)),
      refused: /VMDK descriptor that names other files/,
    })),
    ...alone.map(([type, extent]) => ({
      title: `a VMDK with a descriptor inside, ${type}`,
      bytes: embedded(base, descriptor(type, extent)),
      refused: fault,
    })),
    {
      title: 'a VMDK that names itself as its extent',
      bytes: embedded(base, descriptor('monolithicFlat', 'RW 2048 FLAT "in" 0')),
      refused: fault,
    },
    {
      title: 'a VMDK with a parent',
      bytes: embedded(base, descriptor('monolithicSparse', 'RW 2048 SPARSE "in"', join(outside, 'secret.raw')), 'kept'),
      refused: /backing file|can't be read/,
    },
    {
      title: 'a VMDK whose type is an escape of terminals',
      bytes: embedded(base, descriptor('\u001b[2J\u001b]0;owned\u0007', flat)),
      refused: /^(?=.*Unsupported image type '.*owned)[^\p{Cc}]*$/u,
    },
    { title: 'a VMDK of 8 EiB', bytes: change((f) => f.writeBigUInt64LE((1n << 54n) - 1n, 12)), refused: fault },
    { title: 'a VMDK with grains of 8 EiB', bytes: change((f) => f.writeBigUInt64LE(1n << 53n, 20)), refused: fault },
    {
      title: 'a VMDK with grain tables of 4 GiB',
      bytes: change((f) => f.writeUInt32LE(0xffffffff, 44)),
      refused: fault,
    },
    {
      title: 'a VMDK whose directory is beyond the file',
      bytes: change((f) => {
        f.writeBigUInt64LE(1n << 50n, 48)
        f.writeBigUInt64LE(1n << 50n, 56)
      }),
      refused: null,
    },
    { title: 'a VMDK of version 99', bytes: change((f) => f.writeUInt32LE(99, 4)), refused: fault },
  ]
}

function otherImages(vdi: Buffer): Hostile[] {
  const change = (write: (file: Buffer) => void): Buffer => {
    const file = Buffer.from(vdi)
    write(file)
    return file
  }
  const fault = /the vdi image can't be read|beyond all bounds|importer.maxVirtualBytes/
  const magic = (text: string) => Buffer.concat([Buffer.from(text, 'latin1'), Buffer.alloc(4_096)])
  return [
    { title: 'a VDI of 8 EiB', bytes: change((f) => f.writeBigUInt64LE(1n << 62n, 368)), refused: fault },
    { title: 'a VDI of 4 billion blocks', bytes: change((f) => f.writeUInt32LE(0xffffffff, 384)), refused: fault },
    { title: 'a VDI with blocks of 7 bytes', bytes: change((f) => f.writeUInt32LE(7, 376)), refused: fault },
    { title: 'a VDI with a parent', bytes: change((f) => f.fill(7, 424, 456)), refused: fault },
    { title: 'VHDX', bytes: magic('vhdxfile'), refused: /VHDX/ },
    { title: 'VHD', bytes: magic('conectix'), refused: /VHD/ },
    { title: 'LUKS', bytes: magic('LUKS\xba\xbe\0\x01'), refused: /LUKS/ },
    { title: 'qcow of version 1', bytes: magic('QFI\xfb\0\0\0\x01'), refused: /version 1/ },
    {
      title: 'a loop of Linux, raw for us',
      bytes: magic('#!/bin/sh\n#V2.0 Format\n'),
      refused: null,
      begins: '#!/bin/sh',
    },
    { title: 'Bochs, raw for us', bytes: magic('Bochs Virtual HD Image'), refused: null, begins: 'Bochs' },
    { title: 'nbd in the first line, raw for us', bytes: magic('nbd://127.0.0.1/x'), refused: null, begins: 'nbd://' },
  ]
}

/** The stream's filter asks for a dictionary of 4 GiB (xz-file-format, 5.3.1): byte 40 instead of what it was. */
function greedy(stream: Buffer): Buffer {
  const bytes = Buffer.from(stream)
  const size = (bytes.readUInt8(12) + 1) * 4
  const filter = bytes.indexOf(Buffer.from([0x21, 0x01]), 13)
  bytes.writeUInt8(40, filter + 2)
  bytes.writeUInt32LE(crc32(bytes.subarray(12, 12 + size - 4)), 12 + size - 4)
  return bytes
}

async function packedImages(dir: string, outside: string): Promise<Hostile[]> {
  const raw = Buffer.concat([Buffer.from('two halves: '), Buffer.alloc(CLUSTER, 'x')])
  const [left, right] = [raw.subarray(0, 20_000), raw.subarray(20_000)]
  const named = gzipSync(raw)
  named.writeUInt8(named.readUInt8(3) | 8, 3)
  const name = Buffer.from(`../../../..${outside}/secret.raw\0`)
  return [
    {
      title: 'gz with a path as its name',
      bytes: Buffer.concat([named.subarray(0, 10), name, named.subarray(10)]),
      refused: null,
      begins: 'two halves',
    },
    { title: 'gz in two members', bytes: Buffer.concat([gz(left), gz(right)]), refused: null, begins: 'two halves' },
    {
      title: 'xz in two streams',
      bytes: Buffer.concat([await xz(dir, left), await xz(dir, right)]),
      refused: null,
      begins: 'two halves',
    },
    { title: 'xz that wants 4 GiB of memory', bytes: greedy(await xz(dir, raw)), refused: /needs too much memory/ },
    {
      title: 'gz of an image with a backing file',
      bytes: gz(backed(join(outside, 'secret.raw'))),
      refused: /backing file/,
    },
    { title: 'xz of gz', bytes: await xz(dir, gz(raw)), refused: /compressed twice/ },
    {
      title: 'gz bomb in members',
      bytes: Buffer.concat(Array.from({ length: 80 }, () => gz(Buffer.alloc(MIB)))),
      refused: /unpacks to more than/,
    },
    {
      title: 'xz bomb in streams',
      bytes: Buffer.concat(Array(20).fill(await xz(dir, Buffer.alloc(4 * MIB)))),
      refused: /unpacks to more than/,
    },
    {
      title: 'a tar archive that climbs',
      bytes: Buffer.concat([name, Buffer.alloc(257 - name.length), Buffer.from('ustar'), Buffer.alloc(300)]),
      refused: /tar archive/,
    },
    { title: 'bzip2', bytes: Buffer.from('BZh91AY&SY'), refused: /bzip2/ },
    { title: 'zstd', bytes: Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3]), refused: /zstd/ },
  ]
}

/** With QEMU's own tools: what they make for real. */
async function realImages(dir: string): Promise<Hostile[]> {
  const [snapshots, luks] = [join(dir, 'snapshots.qcow2'), join(dir, 'luks.qcow2')]
  await writeFile(snapshots, sound())
  await exec('qemu-img', ['snapshot', '-c', 'before', snapshots])
  await exec('qemu-io', ['-f', 'qcow2', '-c', 'write -P 0x41 0 64k', snapshots])
  const secret = ['--object', 'secret,id=s,data=password']
  const options = 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10'
  await exec('qemu-img', ['create', '-q', '-f', 'qcow2', ...secret, '-o', options, luks, '1M'])
  return [
    { title: 'internal snapshots', bytes: await readFile(snapshots), refused: null, begins: 'AAAA' },
    { title: 'a qcow2 that LUKS encrypts', bytes: await readFile(luks), refused: /encrypted/ },
  ]
}

/** @param port of loopback, where a server counts who comes */
export async function hostileImages(dir: string, outside: string, port: number, sources: Sources): Promise<Hostile[]> {
  await exec('qemu-img', ['convert', '-f', 'raw', '-O', 'vmdk', join(dir, 'disk.raw'), join(dir, 'mono.vmdk')])
  const mono = await readFile(join(dir, 'mono.vmdk'))
  return [
    ...qcow2Images(outside, port),
    ...vmdkImages(outside, mono),
    ...otherImages(sources.vdi),
    ...(await packedImages(dir, outside)),
    ...(await realImages(dir)),
  ]
}
