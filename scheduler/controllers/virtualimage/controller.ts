// VirtualImage and ClusterVirtualImage in a cluster: one host imports, the others copy. Decides who; the binder tells the hosts, the mirror
// brings up what they say.
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { fromKey, type KubeObject, nameOf, toKey } from '../../../lib/object.ts'
import { Controller, type ControllerObserver } from '../../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../../lib/reconcile/log.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome } from '../../../lib/reconcile/types.ts'
import {
  type BindingImage,
  type ClusterImageStatus,
  clusterStatusOf,
  type Node,
  nodeStorageOf,
  type VirtualImage,
} from '../../../schemas/index.ts'
import { CLUSTER_IMAGES, IMAGES, NODES } from '../../../schemas/resources.ts'
import { usersOf } from '../../binder/wishes.ts'
import { byUid } from '../../indexes.ts'
import type { Links } from '../../links/links.ts'
import { HOSTS_FINALIZER } from '../virtualmachine/finalizer.ts'
import { CLUSTER_IMAGE_CONDITIONS } from './conditions.ts'
import { aimImage, type Candidate, contentFor, type ImageCopy, toldContent } from './plan.ts'

export interface ImagePlacesDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly agents: Pick<Links, 'view' | 'holders' | 'onChange'>
  /** Members of the cluster. */
  readonly nodes: () => readonly string[]
  readonly urlOf: (node: string) => string | null
  /** In words, why a host is given nothing now; null when it is ready. */
  readonly notReady: (node: string) => string | null
  /** Asks for a look at what a host shall have. */
  readonly bind: (node: string, resource: string, uid: string) => void
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
}

const CONCURRENCY = 8
/** Hosts come and go without a word to an image that waits. */
const LOOK_MS = 10_000
/** Hosts tell of their copies in crowds, and each look is at all of them. */
const GATHER_MS = 200
const KINDS = [IMAGES, CLUSTER_IMAGES] as const

type AnyImage = VirtualImage

export class ImagePlaces {
  readonly controllers: readonly Controller[]
  readonly #deps: ImagePlacesDeps
  readonly #byResource: ReadonlyMap<string, Controller>

  constructor(deps: ImagePlacesDeps) {
    this.#deps = deps
    const { reader, clock, log, observer } = deps
    this.#byResource = new Map(
      KINDS.map((resource) => [
        resource,
        new Controller({
          name: `place-${resource.split('.')[0]}`,
          reconciler: { reconcile: (key) => this.#pass(resource, key) },
          clock,
          log,
          concurrency: CONCURRENCY,
          keys: () => reader.list(resource).map((object) => toKey(nameOf(object))),
          ...(observer === undefined ? {} : { observer }),
        }),
      ]),
    )
    this.controllers = [...this.#byResource.values()]
  }

  /** Follows what is stored and what hosts tell. Returns the unsubscribe function. */
  start(): () => void {
    const { reader, agents } = this.#deps
    const offs = [
      reader.onChange((change) => {
        if (change.type === 'put') this.#wake(change.entry.key.resource, change.entry.value)
      }),
      agents.onChange((_node, change) => {
        if (change === null) return
        for (const object of this.#byResource.has(change.resource)
          ? reader.byIndex(byUid(change.resource), change.uid)
          : [])
          this.#wake(change.resource, object, GATHER_MS)
      }),
    ]
    return () => {
      for (const off of offs) off()
    }
  }

  /** What a host is told of where the content is; see plan.ts. */
  readonly contentFor = (image: KubeObject, node: string): BindingImage | 'wait' | undefined => {
    const [resource, { uid }] = [resourceOf(image), image.metadata]
    const known = toldContent(this.#copies(resource, uid, [node])[0])
    if (known !== null) return known.told ?? undefined
    return contentFor(node, clusterStatusOf<ClusterImageStatus>(image), this.#copies(resource, uid))
  }

  #wake(resource: string, object: KubeObject, afterMs = 0): void {
    this.#byResource.get(resource)?.enqueue(toKey(nameOf(object)), afterMs)
  }

  async #pass(resource: string, key: string): Promise<Outcome> {
    const { reader, resources, clock } = this.#deps
    const image = reader.get<AnyImage>(resource, fromKey(key))
    if (image === null || image.metadata.deletionTimestamp !== undefined) return DONE
    const { uid } = image.metadata
    const users = usersOf(resource, image, this.#deps)
    const copies = this.#copies(resource, uid)
    const aim = aimImage(this.#before(image), copies, this.#candidates(users))
    if (aim.do === 'set')
      await resources.modifyStatus<AnyImage>(
        resource,
        { ...nameOf(image), uid },
        (status) => withAim(status, aim.status) as AnyImage['status'],
        { finalizer: HOSTS_FINALIZER },
      )
    if (copies.length === 0)
      await resources.modifyStatus<AnyImage>(resource, { ...nameOf(image), uid }, (status, current) =>
        waiting(current, status, this.#words(aim.do === 'set' ? aim.status : clusterStatusOf(image)), clock.now()),
      )
    const lacking = [...users, ...(clusterStatusOf<ClusterImageStatus>(image).nodes ?? [])].filter(
      (node) => !copies.some((copy) => copy.node === node && copy.phase === 'Ready'),
    )
    // Where the content can be had may have changed.
    for (const node of new Set(lacking)) this.#deps.bind(node, resource, uid)
    return lacking.length > 0 || aim.do === 'none' ? again(LOOK_MS, 'hosts lack the image') : DONE
  }

  /** A host that left the cluster is none of its hosts. */
  #before(image: AnyImage): ClusterImageStatus {
    const status = clusterStatusOf<ClusterImageStatus>(image)
    const members = new Set(this.#deps.nodes())
    return { ...status, nodes: (status.nodes ?? []).filter((node) => members.has(node)) }
  }

  #words({ nodes = [] }: ClusterImageStatus): string {
    const [importer] = nodes
    if (importer !== undefined) return `${importer} imports it`
    const each = this.#deps.nodes().map((node) => `${node}: ${this.#deps.notReady(node) ?? 'ready'}`)
    return `no host can import it now: ${each.length === 0 ? 'the cluster has none' : each.join('; ')}`
  }

  #copies(resource: string, uid: string, among?: readonly string[]): readonly ImageCopy[] {
    const { agents, urlOf, notReady } = this.#deps
    return (among ?? agents.holders(uid)).flatMap((node) => {
      const view = agents.view(node)
      const copy = view?.object<AnyImage>(resource, uid) ?? null
      if (view === null || copy === null) return []
      const { digest = null } = clusterStatusOf<ClusterImageStatus>(copy)
      return [
        {
          node,
          alive: notReady(node) === null,
          url: urlOf(node),
          phase: copy.status?.phase ?? null,
          digest,
          told: view.binding(uid)?.spec.image ?? null,
        },
      ]
    })
  }

  #candidates(users: ReadonlySet<string>): readonly Candidate[] {
    const { reader, nodes, notReady } = this.#deps
    return nodes()
      .filter((node) => notReady(node) === null)
      .map((node) => {
        const object = reader.get<Node>(NODES, { namespace: '', name: node })
        return { node, isUser: users.has(node), freeBytes: nodeStorageOf(object)?.freeBytes ?? 0n }
      })
  }
}

const resourceOf = ({ kind }: KubeObject): string => (kind === 'ClusterVirtualImage' ? CLUSTER_IMAGES : IMAGES)

type Status = AnyImage['status']

function withAim(status: Status, aim: ClusterImageStatus): unknown {
  const { nodes: _, digest: __, failed: ___, ...rest } = clusterStatusOf<ClusterImageStatus>({ status })
  return { ...status, berth: { ...rest, ...aim } }
}

/** No host speaks of it yet. */
function waiting(image: AnyImage, status: Status, message: string, nowMs: number): Status {
  const { generation } = image.metadata
  const conditions = CLUSTER_IMAGE_CONDITIONS.set(
    status?.conditions,
    { type: 'Ready', status: 'False', reason: 'ProvisioningNotStarted', message },
    generation,
    nowMs,
  )
  return { ...status, phase: 'Pending', progress: '0%', conditions: [...conditions] }
}
