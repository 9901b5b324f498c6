// What is remembered of an object that another host gets. Pure.
import {
  type ClusterDiskStatus,
  type ClusterVmStatus,
  type Leaving,
  nextEpoch,
  type Placement,
} from '../../schemas/index.ts'

export interface HandOver {
  /** The host that gets it. */
  readonly to: string
  /** RFC 3339. */
  readonly since: string
  /** Uid of the migration before whose end the earlier host is not told to let go. */
  readonly until?: string
}

/**
 * Its place is there by the next epoch, and the host that had it is among those that still have to let go: one entry for each of them, none for
 * the one that gets it. What has no place is none's to hand over, and stays as it is.
 */
export function handedOver<S extends ClusterVmStatus | ClusterDiskStatus>(
  status: S,
  { to, since, until }: HandOver,
): S & { readonly placement?: Placement; readonly leaving?: readonly Leaving[] } {
  const { placement, leaving = [] } = status
  if (placement === undefined) return status
  const { node, epoch } = placement
  return {
    ...status,
    placement: { node: to, epoch: nextEpoch(status), since },
    leaving: [
      ...leaving.filter((each) => each.node !== node && each.node !== to),
      { node, epoch, since, ...(until === undefined ? {} : { until }) },
    ],
  }
}
