// What a machine needs of a host's files before it can come: image content by digest, disks of the exact size, its user data.
import { readdirSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { observeDomain } from '../../lib/domain/index.ts'
import type { KubeObject } from '../../lib/object.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { Secret, StorageClass, VirtualDisk, VirtualMachine } from '../../schemas/index.ts'
import type { Seeds } from '../controllers/virtualmachine/seed.ts'
import type { ContentStore } from '../images/content-store.ts'
import type { PeerFetch } from '../images/peer-fetch.ts'
import { recorded } from '../images/recorded.ts'
import { DISKS, STORAGE_CLASSES } from '../names.ts'
import type { DirDriver } from '../storage/dir-driver.ts'
import type { Manifest } from './manifest.ts'
import { fileAt, goAlong, inShared } from './paths.ts'
import type { MoveBinding } from './records.ts'
import type { TargetFiles } from './target.ts'

export interface FilesDeps {
  readonly reader: Reader
  readonly driver: Pick<DirDriver, 'create' | 'get' | 'remove'>
  readonly content: Pick<ContentStore, 'path' | 'get' | 'claim' | 'release'>
  /** Brings content from other hosts by its digest. */
  readonly peers: Pick<PeerFetch, 'ensureImage'>
  readonly seeds: Pick<Seeds, 'ensure'>
  /** What the source says that the machine has. @throws Error in words */
  readonly manifest: (binding: MoveBinding, signal: AbortSignal) => Promise<Manifest>
  readonly stateDir: string
}

/** Of a disk, while its base is brought: the disk's record holds it afterwards. */
const baseClaim = (diskUid: string): string => `${diskUid}-base`

export function targetFiles(deps: FilesDeps): TargetFiles {
  const { reader, driver, content, peers, seeds, manifest, stateDir } = deps

  const classesOf = (binding: MoveBinding): readonly StorageClass[] => {
    const came = ofKind<StorageClass>(binding, 'StorageClass')
    const names = new Set(came.map(({ metadata }) => metadata.name))
    const here = reader.list<StorageClass>(STORAGE_CLASSES).filter(({ metadata }) => !names.has(metadata.name))
    return [...came, ...here]
  }

  const bring = async (binding: MoveBinding, digest: string, uid: string, object: unknown, signal: AbortSignal) => {
    const { node, url } = binding.spec.migration.peer
    await peers.ensureImage({ digest, sources: [{ node, url }], claim: { uid, object } }, signal)
  }

  /** The one that `prepare` made: its name has the digest of what is in it now, which may be newer than what the guest booted with. */
  const seedOf = (uid: string): string | null => {
    const folder = join(stateDir, 'seeds')
    const name = readdirSync(folder).find((one) => one.startsWith(`${uid}.`))
    return name === undefined ? null : join(folder, name)
  }

  const folderOf = (binding: MoveBinding, disk: VirtualDisk | undefined): string => {
    const named = disk?.spec.persistentVolumeClaim?.storageClassName
    const found = classesOf(binding).find(({ metadata }) => metadata.name === named)
    return found?.parameters?.path ?? stateDir
  }

  const makeDisks = async (binding: MoveBinding, disks: Manifest['disks'], signal: AbortSignal) => {
    for (const disk of disks) {
      const object = ofKind<VirtualDisk>(binding, 'VirtualDisk').find(({ metadata }) => metadata.uid === disk.uid)
      const note = object === undefined ? null : recorded(object)
      const sizeBytes = BigInt(disk.sizeBytes)
      const folder = folderOf(binding, object)
      const make = () => driver.create({ uid: disk.uid, folder, sizeBytes, base: disk.base, object: note }, signal)
      const makeAnew = async (base: string) => {
        await bring(binding, base, baseClaim(disk.uid), note, signal)
        return await make()
      }
      // An image that is here needs no claim of its own: the disk's record holds it from its first word on.
      const isHere = disk.base === null || (await content.get(disk.base)) !== null
      const made = (isHere ? await make() : null) ?? (disk.base === null ? null : await makeAnew(disk.base))
      if (content.claim(baseClaim(disk.uid)) !== null) await content.release(baseClaim(disk.uid))
      if (made === null) throw new Error(`the image below the disk ${disk.uid} was not there when it was made`)
      if (made.sizeBytes !== sizeBytes)
        throw new Error(`the disk ${disk.uid} is here with ${made.sizeBytes} bytes, and has ${sizeBytes} at the source`)
    }
  }

  /** All but the user data; what the machine has, as libvirt's XML. */
  const makeFiles = async (
    binding: MoveBinding,
    willMake: (disks: readonly string[]) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<string> => {
    const { disks, images, xml } = await manifest(binding, signal)
    const shared = inShared(classesOf(binding))
    for (const image of images) await bring(binding, image.digest, image.uid, image.object, signal)
    const moving = new Set(goAlong(xml, shared).flatMap(({ path = '' }) => uidOfDisk(path) ?? []))
    const making = disks.filter((disk) => moving.has(disk.uid))
    if (making.length > 0) await willMake(making.map((disk) => disk.uid))
    await makeDisks(binding, making, signal)
    for (const { path = '' } of observeDomain(xml).disks)
      if (shared(path) && !(await isThere(path)))
        throw new Error(`the disk ${path} of a shared class is not there on this host: is its folder mounted?`)
    return xml
  }

  return {
    prepare: async (binding, willMake, signal) => {
      const userData = userDataOf(binding)
      const { name: uid } = binding.metadata
      // A program of its own makes it, while the source says what the machine has. Neither is left under way when the other one fails.
      const [made, seed] = await Promise.allSettled([
        makeFiles(binding, willMake, signal),
        userData === null ? null : seeds.ensure({ uid, hostname: binding.spec.subject.name, userData }, signal),
      ])
      if (made.status === 'rejected') throw made.reason
      if (seed.status === 'rejected' && hasSeed(made.value)) throw seed.reason
    },
    locate: (binding, path) => {
      const file = fileAt(path)
      if (file === null) return null
      switch (file.kind) {
        case 'content':
          return content.path(file.digest)
        case 'disk':
          return inShared(classesOf(binding))(path) ? path : (driver.get(file.uid)?.path ?? null)
        case 'nvram':
          return file.uid === binding.metadata.name ? join(stateDir, 'nvram', `${file.uid}.fd`) : null
        case 'console':
          return file.uid === binding.metadata.name ? join(stateDir, 'console', `${file.uid}.log`) : null
        case 'seed':
          return file.uid === binding.metadata.name ? seedOf(file.uid) : null
      }
    },
    luggage: (binding, xml) => goAlong(xml, inShared(classesOf(binding))).map(({ target }) => target),
    discard: async (disks) => {
      const known = new Set(reader.list<VirtualDisk>(DISKS).map(({ metadata }) => metadata.uid))
      for (const uid of disks) {
        // One that this host has of its own right is not this migration's to remove.
        if (driver.get(uid) !== null && !known.has(uid)) await driver.remove(uid)
        if (content.claim(baseClaim(uid)) !== null) await content.release(baseClaim(uid))
      }
    },
  }
}

const ofKind = <T extends KubeObject>({ objects = [] }: MoveBinding, kind: string): readonly T[] =>
  objects.filter((object): object is T => object.kind === kind)

function uidOfDisk(path: string): string | null {
  const file = fileAt(path)
  return file?.kind === 'disk' ? file.uid : null
}

const hasSeed = (xml: string): boolean =>
  observeDomain(xml).disks.some(({ path }) => path !== undefined && fileAt(path)?.kind === 'seed')

function userDataOf(binding: MoveBinding): string | null {
  const [vm] = ofKind<VirtualMachine>(binding, 'VirtualMachine')
  const provisioning = vm?.spec.provisioning
  if (provisioning === undefined) return null
  if (provisioning.type === 'UserData') return provisioning.userData ?? ''
  const name = provisioning.userDataRef?.name
  const secret = ofKind<Secret>(binding, 'Secret').find(({ metadata }) => metadata.name === name)
  // DVP's key is `userData`; KubeVirt's spelling is met in the field as well.
  const data = secret?.data?.userData ?? secret?.data?.userdata
  return data === undefined ? '' : Buffer.from(data, 'base64').toString('utf8')
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
