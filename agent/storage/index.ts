// Builds the storage of a host: stored images, disks, imports. The agent makes one.
import { chmod, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../../lib/clock.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import type { ImporterConfig } from '../images/config.ts'
import { ContentStore } from '../images/content-store.ts'
import { ImportQueue } from '../images/import-queue.ts'
import { Importer } from '../images/importer.ts'
import type { PeerTls } from '../images/peer-connection.ts'
import { PeerFetch } from '../images/peer-fetch.ts'
import type { OnFileStep } from '../seams.ts'
import { DirDriver, type ResizeLive } from './dir-driver.ts'
import { DiskRecords } from './disk-records.ts'
import { type SweepReport, strayFiles, sweep } from './sweep.ts'
import type { Volumes } from './volumes.ts'
import { DirVolumes } from './volumes-dir.ts'

export interface StorageOptions {
  readonly stateDir: string
  readonly importer: ImporterConfig
  readonly clock: Clock
  readonly log: ReconcileLog
  /** How a running VM's disk grows; without it a disk grows only while no VM has it. */
  readonly resizeLive?: ResizeLive
  readonly onFileStep?: OnFileStep
  /** How this host and others of its cluster know each other; null, or left out, while it is in none. */
  readonly peerTls?: () => PeerTls | null
}

export interface Storage {
  readonly stateDir: string
  readonly content: ContentStore
  readonly driver: DirDriver
  readonly volumes: Volumes
  readonly imports: ImportQueue
  /** Image content from other hosts of the cluster. */
  readonly peers: PeerFetch
  /** Files of disks and images whose object's uid is not among the known. */
  strays(known: ReadonlySet<string>): readonly string[]
  /** Once, when the objects are known and before any controller runs. */
  sweep(known: ReadonlySet<string>, folders: readonly string[]): Promise<SweepReport>
}

/** Opens what is on disk. Removes unfinished files of an earlier life. */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const {
    stateDir,
    importer: config,
    clock,
    log,
    resizeLive,
    onFileStep = () => undefined,
    peerTls = () => null,
  } = options
  await mkdir(stateDir, { recursive: true })
  // QEMU runs as a user of its own and must get through to its files; what is secret has modes of its own.
  await chmod(stateDir, (await stat(stateDir)).mode | 0o711)
  const records = new DiskRecords(join(stateDir, 'disks'))
  await records.open()
  const content = new ContentStore({
    dir: join(stateDir, 'images'),
    diskDigests: async () => records.bases(),
    onFileStep,
  })
  await content.open()
  const driver = new DirDriver({ content, records, onFileStep, ...(resizeLive === undefined ? {} : { resizeLive }) })
  const importer = new Importer({ content, config, onFileStep })
  const peers = new PeerFetch({ content, config, log, tls: peerTls, onFileStep })
  const either: Pick<Importer, 'import'> = {
    import: (request, onProgress, signal) =>
      request.content === undefined
        ? importer.import(request, onProgress, signal)
        : peers.ensureImage(
            {
              ...request.content,
              claim: request.claim,
              onProgress: (progress) => onProgress({ stage: 'download', ...progress }),
            },
            signal,
          ),
  }
  return {
    stateDir,
    content,
    driver,
    volumes: new DirVolumes({ content, driver }),
    imports: new ImportQueue({ importer: either, clock, log, concurrency: config.concurrency }),
    peers,
    strays: (known) => strayFiles({ content, records, known }),
    sweep: async (known, folders) => {
      const report = await sweep({ content, records, driver, known, folders: [stateDir, ...folders] })
      const { orphans, damaged } = report
      if (orphans.length > 0) log.warn({ files: orphans }, 'files without object are kept')
      if (damaged.length > 0) log.error({ files: damaged }, 'sidecars are damaged; their files are left alone')
      return report
    },
  }
}
