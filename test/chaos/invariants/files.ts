// Files of the agent's state folder against the objects, both ways. Whatever has no owner is an orphan.
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubeObject } from '../../../lib/object.ts'
import { toBytes } from '../../../lib/quantity.ts'
import { isShared, type VirtualDisk } from '../../../schemas/index.ts'
import { differences, labelOf, type Objects } from './seen.ts'

/** Names in a folder; none when there is no such folder. */
const namesIn = async (...path: readonly string[]): Promise<readonly string[]> =>
  (await readdir(join(...path)).catch(() => [])).sort()

const uidsOf = (objects: readonly KubeObject[]): readonly string[] => objects.map(({ metadata }) => metadata.uid)

export async function wrongFiles(stateDir: string, objects: Objects): Promise<readonly string[]> {
  const machines = uidsOf(objects.vms)
  const own = ['seeds', 'nvram', 'console'].map(async (folder) =>
    (await namesIn(stateDir, folder))
      .filter((name) => !machines.includes(name.slice(0, 36)))
      .map((name) => `${folder}/${name} belongs to no virtual machine`),
  )
  const temporary = ['disks', 'images/tmp', 'images/sha256', 'images/objects'].map(async (folder) =>
    (await namesIn(stateDir, folder))
      .filter((name) => folder === 'images/tmp' || name.startsWith('.'))
      .map((name) => `${folder}/${name} is unfinished and stays`),
  )
  const unfinished = (await namesIn(stateDir)).filter((name) => name.endsWith('.tmp'))
  return [
    ...(await Promise.all([...own, ...temporary])).flat(),
    ...unfinished.map((name) => `${name} is unfinished and stays`),
    ...(await wrongDiskFiles(stateDir, objects)),
    ...(await wrongImages(stateDir, objects)),
  ]
}

/** Of a disk in a folder that several hosts have, each has the sidecar alone among its own. */
async function wrongDiskFiles(stateDir: string, { disks, classes }: Objects): Promise<readonly string[]> {
  const names = (await namesIn(stateDir, 'disks')).filter((name) => !name.startsWith('.'))
  const shared = new Set(classes.filter(isShared).map(({ metadata }) => metadata.name))
  const expected = disks.flatMap(({ metadata: { uid }, spec }) =>
    shared.has(spec.persistentVolumeClaim?.storageClassName ?? '') ? [`${uid}.json`] : [`${uid}.json`, `${uid}.qcow2`],
  )
  return [
    ...differences('files of disks', ['objects have', expected], ['disks/ has', names]),
    ...(await Promise.all(disks.map((disk) => wrongSize(join(stateDir, 'disks'), disk)))).flat(),
  ]
}

/** Byte of a qcow2 header at which the size that a guest sees is, in big-endian 64 bits. */
const SIZE_AT = 24

/** File, sidecar and status tell the same size. Of a disk without files others say that they are missing. */
async function wrongSize(folder: string, disk: VirtualDisk): Promise<readonly string[]> {
  const path = join(folder, disk.metadata.uid)
  const [header, sidecar] = await Promise.all([
    bytesOf(`${path}.qcow2`, SIZE_AT + 8),
    readFile(`${path}.json`, 'utf8').catch(() => null),
  ])
  if (header === null || sidecar === null) return []
  const sizes = {
    file: header.readBigUInt64BE(SIZE_AT),
    sidecar: BigInt(JSON.parse(sidecar).sizeBytes),
    status: toBytes(disk.status?.capacity ?? '0'),
  }
  if (new Set(Object.values(sizes)).size === 1) return []
  return [
    `${labelOf(disk)} has ${Object.entries(sizes)
      .map(([where, size]) => `${size} bytes by its ${where}`)
      .join(', ')}`,
  ]
}

/** The first bytes of a file; null when there is none, or it is shorter. */
async function bytesOf(path: string, length: number): Promise<Buffer | null> {
  const file = await open(path, 'r').catch(() => null)
  if (file === null) return null
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, 0)
    return bytesRead === length ? buffer : null
  } finally {
    await file.close()
  }
}

/** Every stored file is claimed by an image, by a download of a disk, or read through by a disk; and what is claimed is there. */
async function wrongImages(stateDir: string, { images, disks }: Objects): Promise<readonly string[]> {
  const downloads = disks.filter(({ spec }) => spec.dataSource?.type === 'HTTP')
  const claims = (await namesIn(stateDir, 'images/objects')).filter((name) => !name.startsWith('.'))
  const expected = [...uidsOf(images), ...uidsOf(downloads)].map((uid) => `${uid}.json`)
  const read = async (folder: string, names: readonly string[], field: string) =>
    (
      await Promise.all(
        names.map(async (name) => JSON.parse(await readFile(join(stateDir, folder, name), 'utf8'))[field] as unknown),
      )
    ).filter((value): value is string => typeof value === 'string')
  const sidecars = (await namesIn(stateDir, 'disks')).filter((name) => /^[^.].*\.json$/.test(name))
  const needed = new Set([
    ...(await read('images/objects', claims, 'digest')),
    ...(await read('disks', sidecars, 'base')),
  ])
  const stored = (await namesIn(stateDir, 'images/sha256')).filter((name) => !name.startsWith('.'))
  return [
    ...differences('claims on images', ['objects have', expected], ['images/objects/ has', claims]),
    ...differences(
      'stored images',
      ['needed is', [...needed].flatMap((digest) => [digest, `${digest}.json`])],
      ['images/sha256/ has', stored],
    ),
  ]
}
