// Answers DrainPreview.
import type { VirtualKind } from '../../../lib/apiserver/virtual.ts'
import { ApiError } from '../../../lib/errors.ts'
import { nameOf } from '../../../lib/object.ts'
import type { Cluster } from '../../../lib/placement/index.ts'
import type { Reader } from '../../../lib/reconcile/reader.ts'
import { DRAIN_PREVIEW, type DrainPreviewAnswer } from '../../../schemas/cluster/drainpreview.ts'
import type { VirtualMachine } from '../../../schemas/index.ts'
import { NODES } from '../../../schemas/resources.ts'
import { isOn } from '../../../schemas/virtualmachine/power.ts'
import type { Targets } from '../../placement/targets.ts'
import { machinesOn } from './controller.ts'
import { previewDrain } from './preview.ts'

export interface PreviewDeps {
  readonly reader: Reader
  readonly cluster: Cluster
  readonly targets: Pick<Targets, 'factsOf'>
}

export const drainPreview = ({ reader, cluster, targets }: PreviewDeps): VirtualKind => ({
  kind: DRAIN_PREVIEW,
  audience: 'infrastructure',
  answer: ({ object }) => {
    const { node } = object as unknown as { readonly node: string }
    if (reader.get(NODES, { namespace: '', name: node }) === null)
      throw new ApiError('NotFound', `nodes "${node}" not found`, { kind: 'nodes', name: node })
    const [running, rest] = parted(machinesOn(reader, node))
    const byUid = new Map(running.map((vm) => [vm.metadata.uid, vm]))
    const answer: DrainPreviewAnswer = {
      machines: previewDrain(cluster, {
        node,
        machines: running.map((vm) => targets.factsOf(vm)),
        refusal: (uid) => unmovable(byUid.get(uid)),
      }),
      stopped: rest.map((vm) => nameOf(vm)),
    }
    return { node, ...answer }
  },
})

const parted = (vms: readonly VirtualMachine[]) => [vms.filter(isOn), vms.filter((vm) => !isOn(vm))] as const

/** What the machine says of itself. */
function unmovable(vm: VirtualMachine | undefined): string | null {
  const said = vm?.status?.conditions?.find(({ type, status }) => type === 'Migratable' && status === 'False')
  return said === undefined ? null : said.message || said.reason
}
