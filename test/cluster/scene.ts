// What scenarios of a cluster have in common: where they play, and what they ask for.
import { getCondition } from '../../lib/conditions.ts'
import type { Condition } from '../../lib/object.ts'
import type { VirtualMachine, VirtualMachineOperation } from '../../schemas/index.ts'
import type { Cluster } from '../support/cluster.ts'
import type { Draft, SteadyObjects } from './steady-objects.ts'

export interface Scene {
  readonly cluster: Cluster
  readonly objects: SteadyObjects
  /** Brings a host back whose power was cut. */
  readonly powerOn: () => Promise<void>
  /** Resolves when all that goes on beside it rests as well, or is over, and the whole is as it must be. */
  readonly rest: () => Promise<void>
}

export interface Scenario {
  readonly name: string
  /** Nothing of it is left in the end. @param turn how often it ran before */
  run(scene: Scene, turn: number): Promise<void>
}

export const V1ALPHA2 = 'virtualization.deckhouse.io/v1alpha2'
export const BOOT_SECONDS = 240
/** With somebody who dies in the midst. */
export const SECONDS = 180
const ENDED: readonly string[] = ['Completed', 'Failed', 'Superseded']

export const secret = (name: string, userData: string): Draft => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  type: 'provisioning.virtualization.deckhouse.io/cloud-init',
  stringData: { userData },
})

/** `storageClassName`: of a shared class. */
export const disk = (
  name: string,
  size: string,
  { storageClassName, image }: { readonly storageClassName?: string; readonly image?: string } = {},
): Draft => ({
  apiVersion: V1ALPHA2,
  kind: 'VirtualDisk',
  metadata: { name },
  spec: {
    persistentVolumeClaim: { size, ...(storageClassName === undefined ? {} : { storageClassName }) },
    ...(image === undefined
      ? {}
      : { dataSource: { type: 'ObjectRef', objectRef: { kind: 'VirtualImage', name: image } } }),
  },
})

/** With a disk of the same name. */
export const machine = (name: string, spec: object, annotations: Readonly<Record<string, string>> = {}): Draft => ({
  apiVersion: V1ALPHA2,
  kind: 'VirtualMachine',
  metadata: { name, annotations },
  spec: {
    virtualMachineClassName: 'generic',
    terminationGracePeriodSeconds: 1,
    cpu: { cores: 1, coreFraction: '5%' },
    memory: { size: '32Mi' },
    blockDeviceRefs: [{ kind: 'VirtualDisk', name }],
    ...spec,
  },
})

export const fromSecret = (name: string) => ({
  provisioning: { type: 'UserDataRef', userDataRef: { kind: 'Secret', name } },
})

/** A class whose folder all hosts have. */
export const sharedClass = (name: string): Draft => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner: 'berth/dir',
  parameters: { path: `/var/lib/berth-shared/${name}`, shared: 'true' },
})

/** Label of hosts where machines of a scenario may run; a host may get it later. */
export const among = (scenario: string, turn: number) => ({ [`points/${scenario}`]: String(turn) })

export async function open(
  { objects }: Scene,
  labels: ReturnType<typeof among>,
  ...names: readonly string[]
): Promise<void> {
  for (const name of names) await objects.patch('Node', name, { metadata: { labels } })
}

export const runs = (objects: SteadyObjects, name: string, seconds = SECONDS): Promise<VirtualMachine> =>
  objects.until<VirtualMachine>('VirtualMachine', name, ({ status }) => status?.phase === 'Running', seconds)

let operations = 0

export async function ask(objects: SteadyObjects, vm: string, type: string, annotations = {}): Promise<string> {
  const name = `${vm}-${type.toLowerCase()}-${++operations}`
  const spec = { type, virtualMachineName: vm }
  await objects.create({ apiVersion: V1ALPHA2, kind: 'VirtualMachineOperation', metadata: { name, annotations }, spec })
  return name
}

export const hasEnded = ({ status }: VirtualMachineOperation): boolean => ENDED.includes(status?.phase ?? '')

export const wordsOf = ({ status }: VirtualMachineOperation): string => {
  const { reason = '', message = '' } = getCondition(status?.conditions as Condition[], 'Completed') ?? {}
  return `${status?.phase} ${reason}: ${message}`
}
