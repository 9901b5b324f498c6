// Notices a shared class whose folder is not the same on all hosts: such hosts reach none of its disks. Remembers with each disk the folder in
// which it was made, so that what a host tells later is compared with that.
import type { Resources } from '../../lib/apiserver/resources.ts'
import type { Clock } from '../../lib/clock.ts'
import { getCondition, removeCondition } from '../../lib/conditions.ts'
import type { EventRecorder } from '../../lib/controllers/event-recorder.ts'
import { nameOf } from '../../lib/object.ts'
import { Controller, type ControllerObserver } from '../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { DONE, type Outcome } from '../../lib/reconcile/types.ts'
import { keyOf } from '../../lib/store/change.ts'
import type { Change } from '../../lib/store/store.ts'
import {
  type ClusterDiskStatus,
  clusterStatusOf,
  isShared,
  type Node,
  nodeClassesOf,
  type StorageClass,
  type VirtualDisk,
} from '../../schemas/index.ts'
import { DISKS, NODES, STORAGE_CLASSES } from '../../schemas/resources.ts'
import { storageClassOf } from '../binder/needs.ts'
import { SCHEDULER_EVENTS } from '../events.ts'
import { FOLDER_CONDITIONS, type FolderCondition } from './conditions.ts'
import { type FolderVerdict, judgeFolders } from './plan.ts'

export interface SharedFoldersDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly events: Pick<EventRecorder, 'record'>
  /** Members of the cluster. */
  readonly nodes: () => readonly string[]
  /** What is said of a host is otherwise now. */
  readonly onChange: (node: string) => void
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
}

const ALL = 'all'

export class SharedFolders {
  readonly controller: Controller
  readonly #deps: SharedFoldersDeps
  /** Null: something changed since. */
  #verdicts: readonly FolderVerdict[] | null = null
  /** Words by node, as they were last told to others. */
  #told: ReadonlyMap<string, string> = new Map()

  constructor(deps: SharedFoldersDeps) {
    this.#deps = deps
    const { clock, log, observer } = deps
    this.controller = new Controller({
      name: 'sharedfolders',
      reconciler: { reconcile: () => this.#pass() },
      clock,
      log,
      keys: () => [ALL],
      ...(observer === undefined ? {} : { observer }),
    })
  }

  /** Follows hosts, classes and disks. To be started before whoever asks for {@link problem}. Returns the unsubscribe function. */
  start(): () => void {
    return this.#deps.reader.onChange((change) => {
      if (!isNews(change)) return
      this.#verdicts = null
      this.controller.enqueue(ALL)
    })
  }

  /** In words, why the folder of a shared class does not count on a host; null when it does, or is not known to differ. */
  problem(node: string, storageClass: string): string | null {
    return (
      this.#judge()
        .find((each) => each.storageClass === storageClass)
        ?.wrong.get(node) ?? null
    )
  }

  #judge(): readonly FolderVerdict[] {
    if (this.#verdicts !== null) return this.#verdicts
    const { reader, nodes } = this.#deps
    const classes = this.#classes()
    this.#verdicts =
      classes.length === 0
        ? []
        : judgeFolders({
            classes: classes.map(({ metadata, parameters }) => ({ name: metadata.name, path: parameters?.path ?? '' })),
            hosts: nodes().map((node) => ({ node, classes: nodeClassesOf(this.#node(node)) ?? [] })),
            disks: reader.list<VirtualDisk>(DISKS).flatMap((disk) => {
              const { folder } = clusterStatusOf<ClusterDiskStatus>(disk)
              const storageClass = storageClassOf(disk, reader)?.metadata.name
              return folder === undefined || storageClass === undefined ? [] : [{ folder, storageClass }]
            }),
          })
    return this.#verdicts
  }

  #classes = (): readonly StorageClass[] => this.#deps.reader.list<StorageClass>(STORAGE_CLASSES).filter(isShared)

  #node = (name: string): Node | null => this.#deps.reader.get<Node>(NODES, { namespace: '', name })

  async #pass(): Promise<Outcome> {
    const { nodes, onChange } = this.#deps
    for (const disk of this.#unmarked()) await this.#mark(disk)
    const verdicts = this.#judge()
    const words = new Map(nodes().map((node) => [node, wordsOf(verdicts, node)]))
    for (const [node, said] of words) {
      if ((this.#told.get(node) ?? '') !== said) onChange(node)
      await this.#say(node, said)
    }
    this.#told = words
    return DONE
  }

  /** Disks whose file is there, and of which it is not written down yet in which folder. */
  #unmarked(): readonly VirtualDisk[] {
    const { reader } = this.#deps
    if (this.#classes().length === 0) return []
    return reader.list<VirtualDisk>(DISKS).filter((disk) => {
      const { folder, placement } = clusterStatusOf<ClusterDiskStatus>(disk)
      if (folder !== undefined || placement === undefined) return false
      const storageClass = storageClassOf(disk, reader)
      return (
        disk.status?.target?.persistentVolumeClaimName !== undefined && storageClass !== null && isShared(storageClass)
      )
    })
  }

  async #mark(disk: VirtualDisk): Promise<void> {
    const { reader, resources } = this.#deps
    const node = clusterStatusOf<ClusterDiskStatus>(disk).placement?.node ?? ''
    const className = storageClassOf(disk, reader)?.metadata.name
    const folder = nodeClassesOf(this.#node(node))?.find(({ name }) => name === className)?.folder ?? null
    if (folder === null) return
    const target = { ...nameOf(disk), uid: disk.metadata.uid }
    await resources.modifyStatus<VirtualDisk>(DISKS, target, (status, current) => {
      const berth = clusterStatusOf<ClusterDiskStatus>(current)
      // It went elsewhere meanwhile.
      if (berth.folder !== undefined || berth.placement?.node !== node) return status
      return { ...status, berth: { ...berth, folder } } as unknown as VirtualDisk['status']
    })
  }

  async #say(name: string, words: string): Promise<void> {
    const { resources, clock, events } = this.#deps
    const node = this.#node(name)
    if (node === null) return
    const before = getCondition(node.status?.conditions, 'SharedFolders')
    // A host that does not tell of its folders says nothing of them.
    const shared = nodeClassesOf(node) === null ? [] : this.#classes()
    if (shared.length === 0 && before === undefined) return
    const state: FolderCondition =
      words === ''
        ? { type: 'SharedFolders', status: 'True', reason: 'SameFolders' }
        : { type: 'SharedFolders', status: 'False', reason: 'FolderDiffers', message: words }
    await resources.modifyStatus<Node>(NODES, { namespace: '', name, uid: node.metadata.uid }, (status) => {
      const conditions =
        shared.length === 0
          ? removeCondition(status?.conditions, 'SharedFolders')
          : FOLDER_CONDITIONS.set(status?.conditions, state, undefined, clock.now())
      return { ...status, conditions: [...conditions] } as Node['status']
    })
    if (words === '' || before?.message === words) return
    for (const storageClass of shared) {
      const problem = this.problem(name, storageClass.metadata.name)
      if (problem !== null) events.record(storageClass, SCHEDULER_EVENTS.text('FolderDiffers', `${name}: ${problem}`))
    }
  }
}

const wordsOf = (verdicts: readonly FolderVerdict[], node: string): string =>
  verdicts
    .flatMap(({ storageClass, wrong }) => {
      const words = wrong.get(node)
      return words === undefined ? [] : [`${storageClass}: ${words}`]
    })
    .join('; ')

/** What a verdict is made of. */
function isNews(change: Change): boolean {
  const { resource } = keyOf(change)
  if (resource === STORAGE_CLASSES) return true
  if (resource !== NODES && resource !== DISKS) return false
  if (change.type === 'delete' || change.previous === null) return true
  const read = (object: Change['previous']) => {
    if (resource === NODES) return JSON.stringify(nodeClassesOf(object)?.map(({ name, folder }) => [name, folder]))
    const { folder, placement } = clusterStatusOf<ClusterDiskStatus>(object)
    return JSON.stringify([folder, placement?.node, (object as VirtualDisk).status?.target])
  }
  return read(change.previous) !== read(change.entry.value)
}
