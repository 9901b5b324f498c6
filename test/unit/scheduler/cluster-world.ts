// A store with a small cluster in it: real store, cache and API rules; agents are fakes.
import { nameOf } from '../../../lib/object.ts'
import { CLUSTER_INDEXES } from '../../../scheduler/indexes.ts'
import type {
  ClusterDiskStatus,
  ClusterVmStatus,
  Node,
  VirtualDisk,
  VirtualMachine,
  VirtualMachineOperation,
} from '../../../schemas/index.ts'
import { clusterStatusOf } from '../../../schemas/index.ts'
import { DISKS, NODES, VM_OPERATIONS, VMS } from '../../../schemas/resources.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import { openWorld, type World } from '../lib/controllers/world.ts'
import { FakeAgents } from './fake-agents.ts'

export const SINCE = '2026-01-01T00:00:00Z'

export interface ClusterWorld extends World {
  readonly clock: ManualClock
  readonly agents: FakeAgents
}

/** Later ones over the same folder are restarts. */
export async function clusterWorld(nodes: readonly string[], dir?: string): Promise<ClusterWorld> {
  const clock = new ManualClock()
  const world = await openWorld(dir, clock, CLUSTER_INDEXES)
  for (const name of nodes) if (world.reader.get(NODES, { namespace: '', name }) === null) await addNode(world, name)
  return { ...world, clock, agents: new FakeAgents(nodes) }
}

export const addNode = ({ resources }: World, name: string) =>
  resources.create<Node>(NODES, {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
  })

export interface MachineWish {
  readonly berth?: ClusterVmStatus
  readonly spec?: Partial<VirtualMachine['spec']>
  readonly annotations?: Readonly<Record<string, string>>
  readonly phase?: string
  readonly disks?: readonly string[]
}

/** A machine that runs on `node` by epoch 1, with its disks there. */
export async function addMachine(
  world: World,
  name: string,
  node: string,
  wish: MachineWish = {},
): Promise<VirtualMachine> {
  const { resources } = world
  const disks = wish.disks ?? [`${name}-root`]
  const placement = { node, epoch: 1, since: SINCE }
  for (const disk of disks) {
    const made = await resources.create<VirtualDisk>(DISKS, {
      apiVersion: 'virtualization.deckhouse.io/v1alpha2',
      kind: 'VirtualDisk',
      metadata: { name: disk, namespace: 'default' },
      spec: { persistentVolumeClaim: { size: '1Gi' } },
    } as never)
    await resources.modifyStatus<VirtualDisk>(
      DISKS,
      { ...nameOf(made), uid: made.metadata.uid },
      () => ({ phase: 'Ready', capacity: '1Gi', berth: { placement } }) as never,
    )
  }
  const vm = await resources.create<VirtualMachine>(VMS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachine',
    metadata: { name, namespace: 'default', annotations: wish.annotations ?? {} },
    spec: {
      virtualMachineClassName: 'generic',
      cpu: { cores: 1 },
      memory: { size: '1Gi' },
      blockDeviceRefs: disks.map((disk) => ({ kind: 'VirtualDisk', name: disk })),
      ...wish.spec,
    },
  } as never)
  const made = await resources.modifyStatus<VirtualMachine>(
    VMS,
    { ...nameOf(vm), uid: vm.metadata.uid },
    () => ({ phase: wish.phase ?? 'Running', berth: { placement, ...wish.berth } }) as never,
  )
  return made as VirtualMachine
}

export const addMove = (
  { resources }: World,
  name: string,
  machine: string,
  more: { readonly spec?: object; readonly annotations?: Readonly<Record<string, string>> } = {},
): Promise<VirtualMachineOperation> =>
  resources.create<VirtualMachineOperation>(VM_OPERATIONS, {
    apiVersion: 'virtualization.deckhouse.io/v1alpha2',
    kind: 'VirtualMachineOperation',
    metadata: { name, namespace: 'default', annotations: more.annotations ?? {} },
    spec: { type: 'Migrate', virtualMachineName: machine, ...more.spec },
  } as never)

export const machine = ({ reader }: World, name: string): VirtualMachine =>
  reader.get<VirtualMachine>(VMS, { namespace: 'default', name }) as VirtualMachine
export const berthOf = (world: World, name: string): ClusterVmStatus => clusterStatusOf(machine(world, name))
export const diskBerth = ({ reader }: World, name: string): ClusterDiskStatus =>
  clusterStatusOf(reader.get<VirtualDisk>(DISKS, { namespace: 'default', name }))
export const operation = ({ reader }: World, name: string): VirtualMachineOperation | null =>
  reader.get<VirtualMachineOperation>(VM_OPERATIONS, { namespace: 'default', name })
/** `InProgress Syncing 27%`. */
export function said(world: World, name: string): string {
  const status = operation(world, name)?.status
  const completed = status?.conditions?.find(({ type }) => type === 'Completed')
  return [status?.phase, completed?.reason, status?.progress].filter((each) => each !== undefined).join(' ')
}
