// The storage of this host and the controllers that live on it. Needs no libvirt: imports go on while libvirt is away.
import { nameOf, toKey } from '../lib/object.ts'
import { toBytes } from '../lib/quantity.ts'
import { Controller } from '../lib/reconcile/controller.ts'
import { on } from '../lib/reconcile/sources.ts'
import type { Reconciler } from '../lib/reconcile/types.ts'
import { isShared, type StorageClass } from '../schemas/index.ts'
import type { AgentConfig } from './config.ts'
import { CLUSTER_VIRTUAL_IMAGE_KIND } from './controllers/clustervirtualimage/kind.ts'
import { StorageClassReconciler } from './controllers/storageclass/controller.ts'
import { DiskReconciler } from './controllers/virtualdisk/controller.ts'
import { wireDisks, wireImages, wireStorageClasses } from './controllers/virtualdisk/watch.ts'
import { ImageReconciler } from './controllers/virtualimage/controller.ts'
import { VIRTUAL_IMAGE_KIND } from './controllers/virtualimage/kind.ts'
import { resizeLive } from './controllers/virtualmachine/resize-disk.ts'
import type { AgentCore } from './core.ts'
import type { ImporterConfig } from './images/config.ts'
import { CLUSTER_IMAGES, DISKS, IMAGES, STORAGE_CLASSES } from './names.ts'
import { ClassFolders, FOLDERS_KEY } from './storage/class-folders.ts'
import { type HostStorage, hostStorage } from './storage/host-storage.ts'
import { openStorage, type Storage } from './storage/index.ts'

const CONCURRENCY = 8

/** What this host tells of its storage, and when that is news. */
export interface ToldStorage {
  read(): Promise<HostStorage>
  /** Returns the unsubscribe function. */
  onChange(listener: () => void): () => void
}

export interface StorageSide {
  readonly storage: Storage
  /** For the Node. */
  readonly told: ToldStorage
  readonly controllers: readonly Controller[]
}

/** Opens the storage and tidies up after an earlier life. The controllers start when told. */
export async function createStorageSide(core: AgentCore): Promise<StorageSide> {
  const { reader, resources, events, clock, log, config, libvirt, onFileStep, observer } = core
  const storage = await openStorage({
    stateDir: config.stateDir,
    peerTls: core.peerTls,
    importer: importerConfig(config),
    clock,
    log,
    resizeLive: (uid, bytes) => resizeLive({ libvirt, reader }, uid, bytes),
    onFileStep,
  })
  const known = [DISKS, IMAGES, CLUSTER_IMAGES].flatMap((resource) => reader.list(resource))
  // What another host is making in a shared folder, and what it has there, is none of this one's business.
  const own = reader.list<StorageClass>(STORAGE_CLASSES).filter((storageClass) => !isShared(storageClass))
  const folders = own.flatMap(({ parameters }) => parameters?.path ?? [])
  await storage.sweep(new Set(known.map(({ metadata }) => metadata.uid)), folders)

  const { content, driver, imports, stateDir } = storage
  const controller = (name: string, resource: string, reconciler: Reconciler) =>
    new Controller({
      name,
      reconciler,
      clock,
      log,
      observer,
      concurrency: CONCURRENCY,
      keys: () => reader.list(resource).map((object) => toKey(nameOf(object))),
    })
  const shared = { reader, resources, clock, events, content, imports, driver }
  const disks = controller(
    'virtualdisk',
    DISKS,
    new DiskReconciler({ ...shared, stateDir, wake: (key) => disks.enqueue(key) }),
  )
  const images = controller(
    'virtualimage',
    IMAGES,
    new ImageReconciler(VIRTUAL_IMAGE_KIND, { ...shared, wake: (key) => images.enqueue(key) }),
  )
  const clusterImages = controller(
    'clustervirtualimage',
    CLUSTER_IMAGES,
    new ImageReconciler(CLUSTER_VIRTUAL_IMAGE_KIND, { ...shared, wake: (key) => clusterImages.enqueue(key) }),
  )
  const classes = controller(
    'storageclass',
    STORAGE_CLASSES,
    new StorageClassReconciler({ reader, events, driver, stateDir }),
  )
  wireDisks(reader, disks)
  wireImages(reader, 'VirtualImage', images)
  wireImages(reader, 'ClusterVirtualImage', clusterImages)
  wireStorageClasses(reader, classes)
  const classFolders = new ClassFolders({
    reader,
    told: () => core.cluster.storageClasses(),
    stateDir,
    look: (folder, isShared) => driver.lookAtFolder(folder, isShared),
    clock,
    log,
    observer,
  })
  let told = ''
  core.cluster.onLease(() => {
    const now = JSON.stringify(core.cluster.storageClasses())
    if (now !== told) classFolders.wake()
    told = now
  })
  on(reader, STORAGE_CLASSES, () => [FOLDERS_KEY], classFolders.controller)
  return {
    storage,
    told: {
      read: () => hostStorage(stateDir, { content, folders: classFolders }),
      onChange: (listener) => classFolders.onChange(listener),
    },
    controllers: [disks, images, clusterImages, classes, classFolders.controller],
  }
}

function importerConfig({ importer }: AgentConfig): ImporterConfig {
  return {
    allow: importer.allow,
    maxBytes: toBytes(importer.maxBytes),
    maxVirtualBytes: toBytes(importer.maxVirtualBytes),
    stallTimeoutMs: importer.stallTimeoutSeconds * 1000,
    totalTimeoutMs: importer.totalTimeoutSeconds * 1000,
    concurrency: importer.concurrency,
  }
}
