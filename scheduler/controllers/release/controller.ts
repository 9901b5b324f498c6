// Disks and images that hosts let go of. One on its way out is held until every host that was told of it has said that it has nothing of it;
// a host that a disk has left is forgotten when it has said so. (A machine's controller does both itself.)
import type { Resources } from '../../../lib/apiserver/resources.ts'
import type { Clock } from '../../../lib/clock.ts'
import { fromKey, type KubeObject, nameOf, toKey } from '../../../lib/object.ts'
import { Controller, type ControllerObserver } from '../../../lib/reconcile/controller.ts'
import type { ReconcileLog } from '../../../lib/reconcile/log.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { again, DONE, type Outcome } from '../../../lib/reconcile/types.ts'
import {
  type ClusterDiskStatus,
  type ClusterImageStatus,
  clusterStatusOf,
  type Leaving,
  lastEpoch,
  type VirtualDisk,
} from '../../../schemas/index.ts'
import type { Links } from '../../links/links.ts'
import { HOSTS_FINALIZER } from '../virtualmachine/finalizer.ts'

export interface ReleaseDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly agents: Pick<Links, 'view' | 'holders'>
  readonly clock: Clock
  readonly log: ReconcileLog
  readonly observer?: ControllerObserver
}

const CONCURRENCY = 8
/** The host's answer wakes it; this is for the case that the wake was lost. */
const WAIT_MS = 30_000

/** @param resource GroupResource text */
export function createRelease(resource: string, deps: ReleaseDeps): Controller {
  const { reader, resources, agents, clock, log, observer } = deps
  return new Controller({
    name: `release-${resource.split('.')[0]}`,
    reconciler: {
      reconcile: async (key): Promise<Outcome> => {
        const object = reader.get(resource, fromKey(key))
        if (object === null) return DONE
        if (!isHeld(object)) {
          if (letGo(object, agents).length > 0) await forget(resource, object, deps)
          return DONE
        }
        const waits = holdersLeft(object, deps)
        if (waits.length > 0) return again(WAIT_MS, `waits for ${waits.join(', ')} to let it go`)
        await resources.removeFinalizer(resource, { ...nameOf(object), uid: object.metadata.uid }, HOSTS_FINALIZER)
        return DONE
      },
    },
    clock,
    log,
    concurrency: CONCURRENCY,
    keys: () =>
      reader
        .list(resource)
        .filter((object) => isHeld(object) || leavingOf(object).length > 0)
        .map((object) => toKey(nameOf(object))),
    ...(observer === undefined ? {} : { observer }),
  })
}

const isHeld = ({ metadata }: KubeObject): boolean =>
  metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(HOSTS_FINALIZER)

const leavingOf = (object: KubeObject): readonly Leaving[] => clusterStatusOf<ClusterDiskStatus>(object).leaving ?? []

/** Hosts that it has left, and that have said so of this very epoch or a later one. */
function letGo(object: KubeObject, agents: ReleaseDeps['agents']): readonly string[] {
  const left = leavingOf(object).filter(({ node, epoch }) => {
    const view = agents.view(node)
    const binding = view?.binding(object.metadata.uid)
    return view?.inSync === true && binding?.status?.phase === 'Released' && binding.spec.epoch >= epoch
  })
  return left.map(({ node }) => node)
}

async function forget(resource: string, object: KubeObject, { resources, agents }: ReleaseDeps): Promise<void> {
  const target = { ...nameOf(object), uid: object.metadata.uid }
  await resources.modifyStatus<VirtualDisk>(resource, target, (status, current) => {
    const before = clusterStatusOf<ClusterDiskStatus>(current)
    const { leaving: _, ...kept } = before
    const gone = letGo(current, agents)
    const leaving = leavingOf(current).filter(({ node }) => !gone.includes(node))
    const berth = { ...kept, epoch: lastEpoch(before), ...(leaving.length === 0 ? {} : { leaving }) }
    return { ...status, berth } as unknown as NonNullable<VirtualDisk['status']>
  })
}

/** Hosts that have not said that they have nothing of it. */
function holdersLeft(object: KubeObject, { agents }: ReleaseDeps): readonly string[] {
  const { placement, leaving = [], nodes = [] } = clusterStatusOf<ClusterDiskStatus & ClusterImageStatus>(object)
  const { uid } = object.metadata
  const places = [...(placement === undefined ? [] : [placement.node]), ...leaving.map(({ node }) => node)]
  // A host that is meant to have an image and was never told of it has none; one that a disk was given to may be about to hear of it.
  const known = [
    ...new Set([...places, ...agents.holders(uid), ...nodes.filter((node) => agents.view(node)?.inSync !== true)]),
  ]
  return known.filter((node) => {
    const view = agents.view(node)
    return view?.inSync !== true || view.binding(uid)?.status?.phase !== 'Released'
  })
}
