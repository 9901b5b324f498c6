// The `dir` driver: a disk is a qcow2 file in a folder, blank or an overlay on a stored image.
// Every operation may be repeated after a crash at any point and then ends in the same state.
import { access, chmod, mkdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from '../../lib/exec.ts'
import type { ContentStore } from '../images/content-store.ts'
import { roomIn } from '../images/space.ts'
import type { OnFileStep } from '../seams.ts'
import type { FolderRoom } from './class-folders.ts'
import type { DiskRecord } from './disk-record.ts'
import type { DiskRecords } from './disk-records.ts'
import { moveDurably, nullIfMissing, removeDurably, tempBeside } from './files.ts'
import { markOf } from './folder-mark.ts'

/**
 * Grows the disk of a running VM through its QEMU. True when that was done, false when no running VM has the disk.
 * Throws when a VM has it and it did not work.
 */
export type ResizeLive = (diskUid: string, bytes: bigint) => Promise<boolean>

export interface DirDriverDeps {
  readonly content: ContentStore
  readonly records: DiskRecords
  readonly resizeLive?: ResizeLive
  readonly onFileStep?: OnFileStep
}

export interface NewDisk {
  readonly uid: string
  /** Folder of the storage class; the disk goes into `disks/` below it. */
  readonly folder: string
  /** At least that of the image. Rounded up to 512. */
  readonly sizeBytes: bigint
  /** Digest of a stored disk image; null for a blank disk. */
  readonly base: string | null
  /** The folder is the same on other hosts: the disk is whole by itself, as images are each host's own. */
  readonly shared?: boolean
  /** The VirtualDisk without status. */
  readonly object: unknown
}

const TIMEOUT_MS = 60_000
/** A whole image is copied, perhaps over the network. */
const COPY_TIMEOUT_MS = 3_600_000
const SECTOR = 512n

export class DirDriver {
  readonly #deps: DirDriverDeps

  constructor(deps: DirDriverDeps) {
    this.#deps = deps
  }

  /** The disk when it is ready, by its record alone. */
  get(uid: string): DiskRecord | null {
    const record = this.#deps.records.get(uid)
    return record?.state === 'ready' ? record : null
  }

  /** Whether the files of a ready disk are there: its own and that of its image. */
  async present({ path, base }: DiskRecord): Promise<boolean> {
    if ((await stat(path).catch(nullIfMissing)) === null) return false
    return base === null || (await this.#deps.content.get(base)) !== null
  }

  /** Makes the disk. Null when the image is not stored here. @throws ProgramError, or of the file system */
  async create(disk: NewDisk, signal: AbortSignal): Promise<DiskRecord | null> {
    const { records } = this.#deps
    const known = records.get(disk.uid)
    if (known?.state === 'ready') return known
    const path = join(disk.folder, 'disks', `${disk.uid}.qcow2`)
    await mkdir(dirname(path), { recursive: true, mode: 0o711 })
    // Also where this host began and was killed: another one may have made it since, and a guest may have written to it.
    if (disk.shared === true) {
      const adopted = await this.adopt(disk.uid, disk.folder)
      if (adopted !== null) return adopted
    }
    if (known === null) await refuseToOverwrite(path)
    const sizeBytes = ((disk.sizeBytes + SECTOR - 1n) / SECTOR) * SECTOR
    const { uid, base, object, shared = false } = disk
    const making: DiskRecord = { uid, base, object, path, sizeBytes, shared, state: 'making' }
    if (!(await this.#announce(making))) return null
    this.#deps.onFileStep?.('disk-announced')
    await this.#makeFile(making, signal)
    const ready: DiskRecord = { ...making, base: shared ? null : base, state: 'ready' }
    await records.put(ready)
    this.#deps.onFileStep?.('disk-recorded')
    if (shared && base !== null) await this.#deps.content.collect()
    return ready
  }

  /** Takes over a disk that another host made in a shared folder. Null when there is none. @throws when its sidecar is damaged */
  adopt(uid: string, folder: string): Promise<DiskRecord | null> {
    return this.#deps.records.adopt(uid, join(folder, 'disks'))
  }

  /** Of a disk in a shared folder, made or only begun here: this host does not have it any more, another one may. Others are left alone. */
  async forget(uid: string): Promise<void> {
    const record = this.#deps.records.get(uid)
    if (record?.shared === true) await this.#deps.records.forget(record)
  }

  /** Writes down that the image is needed, before anything relies on it. */
  async #announce(making: DiskRecord): Promise<boolean> {
    const { content, records } = this.#deps
    if (making.base === null) {
      await records.put(making)
      return true
    }
    const noted = await content.hold(making.base, async (image) => {
      if (image.cdrom) throw new Error('an ISO image is no base for a disk')
      if (image.virtualSize > making.sizeBytes) throw new Error('the disk is smaller than its image')
      await records.put(making)
      return true
    })
    return noted ?? false
  }

  async #makeFile(making: DiskRecord, signal: AbortSignal): Promise<void> {
    const temp = tempBeside(making.path)
    if (making.shared && making.base !== null) return await this.#copyBase(making, making.base, temp, signal)
    // -u: the image's header has nothing to say, format and size are recorded facts.
    const backing = making.base === null ? [] : ['-u', '-b', this.#deps.content.path(making.base), '-F', 'qcow2']
    try {
      await this.#qemuImg(['create', '-q', '-f', 'qcow2', ...backing, temp, String(making.sizeBytes)], signal)
      this.#deps.onFileStep?.('disk-made')
      await moveDurably(temp, making.path)
      this.#deps.onFileStep?.('disk-placed')
    } finally {
      await rm(temp, { force: true })
    }
  }

  /** A stored image is one whole qcow2 file: a copy of it with another size is a disk. */
  async #copyBase(making: DiskRecord, base: string, temp: string, signal: AbortSignal): Promise<void> {
    try {
      const source = this.#deps.content.path(base)
      await run('cp', ['--sparse=always', '--reflink=auto', source, temp], { timeoutMs: COPY_TIMEOUT_MS, signal })
      await chmod(temp, 0o600)
      await this.#qemuImg(['resize', '-q', alone(temp), String(making.sizeBytes)], signal)
      this.#deps.onFileStep?.('disk-made')
      await moveDurably(temp, making.path)
      this.#deps.onFileStep?.('disk-placed')
    } finally {
      await rm(temp, { force: true })
    }
  }

  /**
   * Grows a disk, live when a VM runs with it. Never shrinks. Repeating it is harmless.
   * @param inUse whether a VM may have the file open: then only the live way is taken
   * @returns false when a VM has it and can't grow it now
   */
  async grow(uid: string, bytes: bigint, inUse: boolean, signal: AbortSignal): Promise<boolean> {
    const { records, resizeLive, onFileStep } = this.#deps
    const record = this.get(uid)
    if (record === null) throw new Error('the disk is not there')
    const sizeBytes = ((bytes + SECTOR - 1n) / SECTOR) * SECTOR
    if (sizeBytes <= record.sizeBytes) return true
    const live = resizeLive !== undefined && (await resizeLive(uid, sizeBytes))
    if (!live && inUse) return false
    if (!live) await this.#qemuImg(['resize', '-q', alone(record.path), String(sizeBytes)], signal)
    onFileStep?.('disk-grown')
    await records.put({ ...record, sizeBytes })
    onFileStep?.('disk-size-recorded')
    return true
  }

  /** Keeps the object in the sidecar up to date; nothing without a ready disk. */
  async recordObject(uid: string, object: unknown): Promise<void> {
    const record = this.get(uid)
    if (record === null || JSON.stringify(record.object) === JSON.stringify(object)) return
    await this.#deps.records.put({ ...record, object })
  }

  /** Removes the disk for good, its sidecar last. Absent: nothing to do. */
  async remove(uid: string): Promise<void> {
    const { records, content, onFileStep } = this.#deps
    const record = records.get(uid)
    if (record === null) return
    await records.put({ ...record, state: 'deleting' })
    onFileStep?.('disk-doomed')
    await removeDurably(record.path)
    onFileStep?.('disk-removed')
    await records.remove(record)
    onFileStep?.('disk-forgotten')
    if (record.base !== null) await content.collect()
  }

  /** Whether the folder of a class can hold disks. @throws of the file system */
  async checkFolder(folder: string): Promise<void> {
    await mkdir(join(folder, 'disks'), { recursive: true, mode: 0o711 })
    await access(join(folder, 'disks'), 2)
  }

  /** The room in the folder of a class, and the mark of a shared one. @throws when it cannot hold disks */
  async lookAtFolder(folder: string, shared: boolean): Promise<FolderRoom> {
    await this.checkFolder(folder)
    return { ...(await roomIn(folder)), mark: shared ? await markOf(folder) : null }
  }

  #qemuImg(args: readonly string[], signal: AbortSignal) {
    return run('qemu-img', args, { timeoutMs: TIMEOUT_MS, signal })
  }
}

/** A file without a record may hold a guest's data: its sidecar was lost or damaged. */
async function refuseToOverwrite(path: string): Promise<void> {
  if ((await stat(path).catch(nullIfMissing)) === null) return
  throw new Error(`${path} is there already, but its sidecar is not (or is damaged); it is not overwritten`)
}

/** A qcow2 file opened as such and without what it reads through, so that nothing in its header is followed. */
const alone = (path: string): string =>
  `json:${JSON.stringify({ driver: 'qcow2', file: { driver: 'file', filename: path }, backing: null })}`
