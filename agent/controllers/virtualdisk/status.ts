// What a disk's status says. Pure.
import { basename } from 'node:path'
import { getCondition, removeCondition } from '../../../lib/conditions.ts'
import type { Condition } from '../../../lib/object.ts'
import { formatBytes } from '../../../lib/quantity.ts'
import type { VirtualDisk, VirtualDiskStatus } from '../../../schemas/index.ts'
import { importing, percent, speedOf } from '../virtualimage/status.ts'
import { DISK_CONDITIONS, type DiskCondition } from './conditions.ts'
import { goDuration } from './duration.ts'
import type { DiskHave, SourceHave } from './observe.ts'
import { awaitsConsumer, baseOf, growthOf, holders, sizeProblem } from './plan.ts'
import { someOf } from './users.ts'

export interface DiskStatusInputs {
  readonly disk: VirtualDisk
  readonly before: VirtualDiskStatus | undefined
  readonly have: DiskHave
  /** What went wrong in this pass, in words. */
  readonly fault: string | null
  readonly now: number
}

type Phase = NonNullable<VirtualDiskStatus['phase']>
type Of<Type extends DiskCondition['type']> = Extract<DiskCondition, { type: Type }>
/** Takes a condition away. */
type Gone = { readonly type: DiskCondition['type'] }

export function diskStatus(inputs: DiskStatusInputs): VirtualDiskStatus {
  const { disk, before, have, now } = inputs
  const { phase, ready } = stateOf(inputs)
  const generation = disk.metadata.generation
  const conditions = conditionsOf(inputs, ready).reduce<readonly Condition[]>(
    (list, said) =>
      'status' in said ? DISK_CONDITIONS.set(list, said, generation, now) : removeCondition(list, said.type),
    before?.conditions ?? [],
  )
  return {
    ...before,
    phase: have.deleting ? 'Terminating' : phase,
    progress: have.disk !== null ? '100%' : have.source.kind === 'http' ? percent(have.source.import) : '0%',
    ...(have.source.kind === 'http' ? speedOf(have.source.import) : {}),
    ...volumeFields(have),
    ...sourceField(have),
    attachedToVirtualMachines: have.users
      .filter(({ named, mounted }) => named || mounted)
      .map(({ name, mounted }) => ({ name, mounted })),
    stats: { creationDuration: durations(inputs, conditions) },
    conditions,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  }
}

function stateOf({ have, fault, now }: DiskStatusInputs): { readonly phase: Phase; readonly ready: Of<'Ready'> } {
  if (have.disk !== null || have.made !== null) return existing(have)
  if (have.storageClass.kind !== 'found') {
    return { phase: 'Pending', ready: notReady('StorageClassIsNotReady', classText(have)) }
  }
  if (awaitsConsumer(have)) {
    const message = 'the disk is made when a virtual machine names it'
    return { phase: 'WaitForFirstConsumer', ready: notReady('WaitingForFirstConsumer', message) }
  }
  const { source } = have
  if (source.kind === 'unknown') return { phase: 'Failed', ready: notReady('ProvisioningFailed', sourceText(source)) }
  if (source.kind === 'image' && source.found !== 'ready') {
    const reason = source.found === 'missing' ? 'DatasourceIsNotFound' : 'DatasourceIsNotReady'
    return { phase: 'Pending', ready: notReady(reason, sourceText(source)) }
  }
  if (source.kind === 'http' && source.image === null) {
    return importing(source.import, now)
  }
  const problem = sizeProblem(have, baseOf(source)) ?? fault
  if (problem !== null) return { phase: 'Failed', ready: notReady('ProvisioningFailed', problem) }
  return { phase: 'Provisioning', ready: notReady('Provisioning', 'the disk is being made') }
}

const notReady = (reason: Exclude<Of<'Ready'>['reason'], 'Ready'>, message: string): Of<'Ready'> => ({
  type: 'Ready',
  status: 'False',
  reason,
  message,
})

function existing(have: DiskHave): { readonly phase: Phase; readonly ready: Of<'Ready'> } {
  if (have.disk === null) {
    const message =
      'the disk was made once, and its file and record are gone from this host; it is not made anew as an empty one. Put both back, or delete the disk'
    return { phase: 'PVCLost', ready: notReady('PVCLost', message) }
  }
  if (!have.present) {
    const message = `${have.disk?.path ?? 'the file'} or the image below it is missing on this host; the disk is ready again when it is back`
    return { phase: 'PVCLost', ready: notReady('PVCLost', message) }
  }
  return {
    phase: growthOf(have) === null ? 'Ready' : 'Resizing',
    ready: { type: 'Ready', status: 'True', reason: 'Ready' },
  }
}

function conditionsOf(inputs: DiskStatusInputs, ready: Of<'Ready'>): readonly (DiskCondition | Gone)[] {
  const { have } = inputs
  const by = holders(have)
  return [
    datasource(have),
    storageClass(have),
    ready,
    by.length > 0
      ? { type: 'InUse', status: 'True', reason: 'AttachedToVirtualMachine', message: attachedText(by) }
      : { type: 'InUse', status: 'False', reason: 'NotInUse' },
    resizing(inputs),
    have.deleting
      ? {
          type: 'Terminating',
          status: 'True',
          reason: 'CleanupPending',
          message: inputs.fault ?? terminatingText(by),
        }
      : { type: 'Terminating' },
  ]
}

const attachedText = (by: readonly string[]): string => `attached to the virtual machine ${someOf(by)}`

const terminatingText = (by: readonly string[]): string =>
  by.length === 0 ? 'the files are being removed' : `${attachedText(by)}: the disk stays until then`

/** A disk that exists needs its source no more. */
function datasource({ disk, source }: DiskHave): Of<'DatasourceReady'> {
  const ready = { type: 'DatasourceReady', status: 'True', reason: 'DatasourceReady' } as const
  if (disk !== null || source.kind === 'blank' || source.kind === 'http') return ready
  const not = { type: 'DatasourceReady', status: 'False', message: sourceText(source) } as const
  if (source.kind === 'unknown') return { ...not, reason: 'ImageNotReady' }
  if (source.found === 'ready') return ready
  const missing = source.found === 'missing'
  return source.ref.kind === 'ClusterVirtualImage'
    ? { ...not, reason: missing ? 'ClusterImageNotFound' : 'ClusterImageNotReady' }
    : { ...not, reason: missing ? 'ImageNotFound' : 'ImageNotReady' }
}

function sourceText(source: SourceHave): string {
  if (source.kind === 'unknown') return `a disk from a source of type ${source.type} is not built yet`
  if (source.kind !== 'image') return ''
  const label = `the ${source.ref.kind} ${source.ref.name}`
  if (source.found === 'missing') return `${label} does not exist`
  return source.phase === 'Ready' ? `${label} has no file on this host` : `${label} is ${source.phase}`
}

const storageClass = (have: DiskHave): Of<'StorageClassReady'> =>
  have.disk !== null || have.storageClass.kind === 'found'
    ? { type: 'StorageClassReady', status: 'True', reason: 'StorageClassReady' }
    : { type: 'StorageClassReady', status: 'False', reason: 'StorageClassNotReady', message: classText(have) }

function classText({ storageClass: have }: DiskHave): string {
  if (have.kind === 'missing') return `the StorageClass ${have.name} does not exist`
  return have.kind === 'no-default' ? 'no StorageClass is named, and none is marked as the default' : ''
}

function resizing({ have, fault }: DiskStatusInputs): Of<'Resizing'> | Gone {
  const bytes = growthOf(have)
  if (bytes === null || have.deleting || !have.present) return { type: 'Resizing' }
  const by = holders(have)
  const waits = by.length > 0 ? `; the virtual machine ${someOf(by)} has it open` : ''
  const message = fault ?? `the disk is being grown to ${formatBytes(bytes)}${waits}`
  return { type: 'Resizing', status: 'True', reason: 'InProgress', message }
}

function volumeFields({ disk, made, storageClass: have }: DiskHave): Partial<VirtualDiskStatus> {
  const named = have.kind === 'found' ? { storageClassName: have.name } : {}
  if (disk === null) return made === null ? named : { ...named, target: { persistentVolumeClaimName: made } }
  return {
    ...named,
    capacity: formatBytes(disk.sizeBytes),
    target: { persistentVolumeClaimName: basename(disk.path) },
  }
}

/** Of a disk that exists, only of the very image that it reads through; a later one of that name is none of its business. */
function sourceField({ disk, source }: DiskHave): Partial<VirtualDiskStatus> {
  if (source.kind !== 'image' || source.uid === null) return {}
  return disk === null || disk.base === source.image?.digest ? { sourceUID: source.uid } : {}
}

type Durations = NonNullable<NonNullable<VirtualDiskStatus['stats']>['creationDuration']>

/** Counted from the object's creation, in seconds; each is set once. */
function durations({ disk, before, have, now }: DiskStatusInputs, conditions: readonly Condition[]): Durations {
  const old = before?.stats?.creationDuration ?? {}
  const created = Date.parse(disk.metadata.creationTimestamp)
  const dependencies = ['DatasourceReady', 'StorageClassReady'].map((type) => getCondition(conditions, type))
  if (!dependencies.every((condition) => condition?.status === 'True')) return old
  const since = Math.max(created, ...dependencies.map((condition) => Date.parse(condition?.lastTransitionTime ?? '')))
  const waitingForDependencies = old.waitingForDependencies ?? goDuration(since - created)
  if (have.disk === null || old.totalProvisioning) return { ...old, waitingForDependencies }
  const total = { waitingForDependencies, totalProvisioning: goDuration(now - created) }
  return have.source.kind === 'http' ? { ...total, dvcrProvisioning: goDuration(now - since) } : total
}
