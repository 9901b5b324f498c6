// What keeps objects on hosts: links to agents, the binder, the mirror, the machines' placement. Made once; cluster.ts plugs it in.
import type { Resources } from '../lib/apiserver/resources.ts'
import type { Clock } from '../lib/clock.ts'
import type { EventRecorder } from '../lib/controllers/event-recorder.ts'
import type { Counts } from '../lib/metrics/metrics.ts'
import { nameOf, toKey } from '../lib/object.ts'
import type { Controller, ControllerObserver } from '../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../lib/reconcile/log.ts'
import type { Reader } from '../lib/reconcile/reader.ts'
import type { Store } from '../lib/store/store.ts'
import { CLUSTER_IMAGES, DISKS, IMAGES, VMS } from '../schemas/resources.ts'
import { Binder } from './binder/binder.ts'
import { Refusals } from './binder/refusals.ts'
import { createPower } from './controllers/power/controller.ts'
import { createRelease } from './controllers/release/controller.ts'
import { DiskPlaces } from './controllers/virtualdisk/controller.ts'
import { ImagePlaces } from './controllers/virtualimage/controller.ts'
import { VmPlacement } from './controllers/virtualmachine/controller.ts'
import { tellUnanswered } from './controllers/virtualmachine/unanswered.ts'
import { Classes } from './controllers/virtualmachineclass/controller.ts'
import { Heard } from './heard.ts'
import { byUid } from './indexes.ts'
import type { AgentClients } from './links/clients.ts'
import type { Door } from './links/door.ts'
import { Links } from './links/links.ts'
import { Ruler } from './links/ruler.ts'
import { EventCopier } from './mirror/events.ts'
import { Health } from './mirror/health.ts'
import { Mirror } from './mirror/mirror.ts'
import { Orphans } from './mirror/orphans.ts'
import type { ExplainDeps } from './placement/explain.ts'
import { prioritiesBy } from './placement/priorities.ts'
import { PlacementState } from './placement/state.ts'
import { SharedFolders } from './storage/shared-folders.ts'
import { wake } from './wake.ts'

export interface HostingDeps {
  readonly store: Store
  /** With the indexes of `CLUSTER_INDEXES`. */
  readonly reader: Reader
  readonly resources: Resources
  readonly events: Pick<EventRecorder, 'record'>
  readonly clients: AgentClients
  /** Of the API over TCP; without it hosts are read whoever comes. */
  readonly door?: Pick<Door, 'quiet'>
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
  readonly metrics?: Counts
  /** Monotonic milliseconds at which a host's lease was last renewed; null: not since the start. */
  readonly heardAt?: (node: string) => number | null
  /** More reasons why a host is given nothing, in words; null when there is none. */
  readonly notReady?: (node: string) => string | null
  /** A host did not take this machine: `namespace/name`. */
  readonly onRefused?: (key: string) => void
}

export interface Hosting {
  readonly agents: Links
  readonly ruler: Ruler
  readonly health: Health
  readonly binder: Binder
  readonly refusals: Refusals
  readonly placement: PlacementState
  readonly machines: VmPlacement
  /** What explanations are made from. */
  readonly explaining: ExplainDeps
  /** Started and stopped by whoever runs the server. */
  readonly controllers: readonly Controller[]
  /** The API listens already. */
  start(): void
  /** The controllers run still. */
  stop(): Promise<void>
}

export function createHosting(deps: HostingDeps): Hosting {
  const { store, reader, resources, events, clients, clock, log, heardAt = () => null } = deps
  const observed = {
    ...(deps.observer === undefined ? {} : { observer: deps.observer }),
    ...(deps.metrics === undefined ? {} : { metrics: deps.metrics }),
  }
  const ruler = new Ruler({ store, clock, members: () => clients.nodes() })
  const agents = new Links({ clients, ruler, clock, log, ...(deps.door === undefined ? {} : { door: deps.door }) })
  const refusals = new Refusals(clock)
  const health = new Health({
    clock,
    nodes: () => clients.nodes(),
    signs: { heardAt, linkProblem: (node) => agents.problem(node) },
    givesLeases: () => ruler.refusal() === null,
    overruled: () => (ruler.isOver ? ruler.refusal() : null),
    onChange: (node) => {
      mirror.enqueueNode(node)
      placement.refresh(node)
      disks.turned(node)
      heard.wakePower(node)
    },
  })
  const priorities = prioritiesBy(reader)
  const placement = new PlacementState({
    reader,
    priorityOf: priorities,
    notReady: (node) => notReadyWords(node, deps, { agents, ruler, health }),
    folderProblem: (node, storageClass) => folders.problem(node, storageClass),
    onRoom: () => machines.hope(),
  })
  const orphans = new Orphans({ reader, resources, clock, events, log, agents })
  const binder = new Binder({
    reader,
    resources,
    agents,
    ruler,
    refusals,
    clock,
    log,
    ...observed,
    nodes: () => clients.nodes(),
    urlOf: (node) => clients.urlOf(node),
    imageFor: (image, node) => images.contentFor(image, node),
    onRefused: ({ uid }) => {
      for (const vm of reader.byIndex(byUid(VMS), uid)) {
        machines.controller.enqueue(toKey(nameOf(vm)))
        deps.onRefused?.(toKey(nameOf(vm)))
      }
    },
    onSilent: (node, uid) => void tellUnanswered(uid, node, { reader, resources, clock, log }),
    onOrphan: (node, binding) => orphans.found(node, binding),
  })
  const mirror = new Mirror({
    reader,
    resources,
    agents,
    clock,
    log,
    ...observed,
    silence: (node) => health.silence(node),
    isMember: (node) => clients.clientFor(node) !== null,
  })
  const notReady = (node: string) => notReadyWords(node, deps, { agents, ruler, health })
  const places = { reader, resources, nodes: () => clients.nodes(), notReady, clock, log, ...observed }
  const images = new ImagePlaces({
    ...places,
    agents,
    urlOf: (node) => clients.urlOf(node),
    bind: (node, resource, uid) => binder.enqueue(node, resource, uid),
  })
  const folders: SharedFolders = new SharedFolders({
    ...places,
    events,
    onChange: (node) => placement.refresh(node),
  })
  const classes = new Classes({ ...places, clients })
  const disks = new DiskPlaces({
    ...places,
    agents,
    folderProblem: (node, storageClass) => folders.problem(node, storageClass),
    silence: (node) => health.silence(node),
  })
  const copier = new EventCopier({ reader, resources, clock, log })
  const machines = new VmPlacement({
    reader,
    resources,
    agents,
    state: placement,
    refusals,
    priorityOf: priorities,
    frozen: () => ruler.refusal(),
    events,
    clock,
    log,
    ...observed,
  })
  const releases = new Map(
    [DISKS, IMAGES, CLUSTER_IMAGES].map((resource) => [
      resource,
      createRelease(resource, { reader, resources, agents, clock, log, ...observed }),
    ]),
  )

  const unheard = (node: string) =>
    clients.clientFor(node) === null ? GONE : (health.silence(node) ?? ruler.refusal())
  const power = createPower({ reader, resources, clock, log, ...observed, unheard })
  const heard = new Heard({
    reader,
    agents,
    ruler,
    nodes: () => clients.nodes(),
    binder,
    mirror,
    orphans,
    placement,
    disks,
    machines,
    power,
    releases,
    log,
  })

  let unsubscribe: readonly (() => void)[] = []
  return {
    agents,
    ruler,
    health,
    binder,
    refusals,
    placement,
    machines,
    explaining: {
      reader,
      cluster: placement.cluster,
      priorityOf: priorities,
      refusals: (uid) => refusals.of(uid),
    },
    controllers: [
      machines.controller,
      mirror.controller,
      power,
      disks.controller,
      classes.controller,
      folders.controller,
      ...images.controllers,
      ...releases.values(),
    ],
    start: () => {
      // First: what it says of a host counts when placement reads that host.
      const unfollow = folders.start()
      placement.start()
      unsubscribe = [
        unfollow,
        agents.onChange((node, change) => (change === null ? heard.turned(node) : heard.told(node, change))),
        agents.onEvent((node, event) => copier.take(node, event)),
        reader.onChange((change) => {
          if (change.type !== 'put' || change.previous !== null) return
          for (const node of agents.holders(change.entry.value.metadata.uid)) orphans.look(node)
        }),
        ruler.onChange(() => heard.ruled()),
        images.start(),
        disks.start(),
        classes.start(),
        wake({ reader, binder, agents, machines: machines.controller, mirror, power, releases }),
      ]
      binder.start()
      machines.start()
      agents.start()
      health.start()
    },
    stop: async () => {
      for (const each of unsubscribe) each()
      placement.stop()
      await machines.stop()
      await Promise.all([health.stop(), agents.stop(), binder.stop(), copier.stop()])
    },
  }
}

const GONE = 'it is no member of the cluster'

function notReadyWords(
  node: string,
  { notReady, clients }: HostingDeps,
  { agents, ruler, health }: { readonly agents: Links; readonly ruler: Ruler; readonly health: Health },
): string | null {
  if (clients.clientFor(node) === null) return GONE
  const silence = health.silence(node)
  if (silence !== null) return silence
  if (agents.view(node)?.inSync !== true)
    return `its agent cannot be followed: ${agents.problem(node) ?? 'it is being read'}`
  const disobeys = ruler.state.kind === 'ruling' ? ruler.problem(node) : null
  return disobeys ?? notReady?.(node) ?? null
}
