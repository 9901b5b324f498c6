// What machines, disks and images are by their objects, under the names that DVP gives its metrics.
import { getCondition, isTrue } from '../../lib/conditions.ts'
import type { Collector } from '../../lib/metrics/metrics.ts'
import type { Sink } from '../../lib/metrics/samples.ts'
import type { KubeObject } from '../../lib/object.ts'
import { toBytes } from '../../lib/quantity.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { ClusterVirtualImage, VirtualDisk, VirtualImage, VirtualMachine } from '../../schemas/index.ts'
import { wantedPower } from '../controllers/virtualmachine/power.ts'
import { berthOf } from '../controllers/virtualmachine/status.ts'
import { CLUSTER_IMAGES, DISKS, IMAGES, VMS } from '../names.ts'
import {
  CLUSTER_IMAGE_PHASE,
  DISK_CAPACITY,
  DISK_IN_USE,
  DISK_PHASE,
  IMAGE_PHASE,
  VM_AGENT_READY,
  VM_APPLIED,
  VM_AWAITS_RESTART,
  VM_CONFIGURED_CORES,
  VM_CONFIGURED_MEMORY,
  VM_CORE_FRACTION,
  VM_CORES,
  VM_INFO,
  VM_PHASE,
  VM_RUN_POLICY,
  VM_SHOULD_RUN,
  VM_START,
} from './catalogue.ts'

export const machineObjectsCollector = (reader: Reader): Collector => ({
  name: 'machines',
  collect: (sink) => {
    for (const vm of reader.list<VirtualMachine>(VMS)) tellMachine(sink, vm)
    for (const disk of reader.list<VirtualDisk>(DISKS)) tellDisk(sink, disk)
    for (const image of reader.list<VirtualImage>(IMAGES))
      sink.add(IMAGE_PHASE, { ...labelsOf(image), phase: image.status?.phase ?? '' }, 1)
    for (const { metadata, status } of reader.list<ClusterVirtualImage>(CLUSTER_IMAGES))
      sink.add(CLUSTER_IMAGE_PHASE, { name: metadata.name, uid: metadata.uid, phase: status?.phase ?? '' }, 1)
  },
})

const labelsOf = ({ metadata: { namespace = '', name, uid } }: KubeObject) => ({ namespace, name, uid })

function tellMachine(sink: Sink, vm: VirtualMachine): void {
  const { spec, status } = vm
  const { runPolicy = 'AlwaysOnUnlessStoppedManually' } = spec
  const labels = labelsOf(vm)
  const { namespace, name } = labels
  const node = status?.nodeName ?? ''
  const is = (type: string): number => Number(isTrue(status?.conditions, type))
  const facts = { class: spec.virtualMachineClassName, ip_address: status?.ipAddress ?? '' }
  sink.add(VM_PHASE, { ...labels, node, phase: status?.phase ?? '' }, 1)
  sink.add(VM_INFO, { ...labels, node, ...facts }, 1)
  sink.add(VM_CORES, labels, status?.resources?.cpu?.cores)
  sink.add(VM_CONFIGURED_CORES, labels, spec.cpu.cores)
  sink.add(VM_CORE_FRACTION, labels, Number.parseInt(spec.cpu.coreFraction ?? '100', 10))
  sink.add(VM_CONFIGURED_MEMORY, labels, bytesOf(spec.memory.size))
  sink.add(VM_AWAITS_RESTART, labels, is('AwaitingRestartToApplyConfiguration'))
  // The condition is there only while something is not applied.
  sink.add(VM_APPLIED, labels, Number(getCondition(status?.conditions, 'ConfigurationApplied')?.status !== 'False'))
  sink.add(VM_RUN_POLICY, { ...labels, run_policy: runPolicy }, 1)
  sink.add(VM_AGENT_READY, labels, is('AgentReady'))
  const wanted = vm.metadata.deletionTimestamp === undefined ? wantedPower(berthOf(status).power, runPolicy) : 'Off'
  sink.add(VM_SHOULD_RUN, { namespace, name }, Number(wanted === 'On'))
  const started = Date.parse(status?.stats?.lastStartTime ?? '')
  sink.add(VM_START, { namespace, name }, node === '' ? undefined : started / 1000)
}

function tellDisk(sink: Sink, disk: VirtualDisk): void {
  const labels = labelsOf(disk)
  const { status } = disk
  sink.add(DISK_PHASE, { ...labels, phase: status?.phase ?? '' }, 1)
  sink.add(DISK_CAPACITY, labels, bytesOf(status?.capacity))
  sink.add(DISK_IN_USE, labels, Number(isTrue(status?.conditions, 'InUse')))
}

function bytesOf(quantity: string | number | undefined): number | undefined {
  if (quantity === undefined || quantity === '') return undefined
  return Number(toBytes(String(quantity)))
}
