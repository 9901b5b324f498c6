// Files of the agent's state folder against the objects, both ways. Whatever has no owner is an orphan.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { KubeObject } from '../../../lib/object.ts'
import { differences, type Objects } from './seen.ts'

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
  return [
    ...(await Promise.all([...own, ...temporary])).flat(),
    ...(await wrongDiskFiles(stateDir, objects)),
    ...(await wrongImages(stateDir, objects)),
  ]
}

async function wrongDiskFiles(stateDir: string, { disks }: Objects): Promise<readonly string[]> {
  const names = (await namesIn(stateDir, 'disks')).filter((name) => !name.startsWith('.'))
  const expected = uidsOf(disks).flatMap((uid) => [`${uid}.json`, `${uid}.qcow2`])
  return differences('files of disks', ['objects have', expected], ['disks/ has', names])
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
