// What a disk's status says. Pure.
import { basename } from 'node:path'
import { type ConditionState, getCondition, removeCondition, setCondition } from '../../../lib/conditions.ts'
import type { Condition } from '../../../lib/object.ts'
import { formatBytes } from '../../../lib/quantity.ts'
import type { VirtualDisk, VirtualDiskStatus } from '../../../schemas/index.ts'
import { importing, percent, speedOf } from '../virtualimage/status.ts'
import { goDuration } from './duration.ts'
import type { DiskHave, SourceHave } from './observe.ts'
import { baseOf, growthOf, holders, sizeProblem } from './plan.ts'
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
type Said = Omit<ConditionState, 'type'>

const no = (reason: string, message = ''): Said => ({ status: 'False', reason, message })
const yes = (reason: string, message = ''): Said => ({ status: 'True', reason, message })

export function diskStatus(inputs: DiskStatusInputs): VirtualDiskStatus {
  const { disk, before, have, now } = inputs
  const { phase, ready } = stateOf(inputs)
  const generation = disk.metadata.generation
  const conditions = conditionsOf(inputs, ready).reduce<readonly Condition[]>(
    (list, [type, said]) =>
      said === null ? removeCondition(list, type) : setCondition(list, { type, ...said }, generation, now),
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

function stateOf({ have, fault, now }: DiskStatusInputs): { readonly phase: Phase; readonly ready: Said } {
  if (have.disk !== null) return existing(have)
  if (have.storageClass.kind !== 'found') {
    return { phase: 'Pending', ready: no('StorageClassIsNotReady', classText(have)) }
  }
  const { source } = have
  if (source.kind === 'unknown') return { phase: 'Failed', ready: no('ProvisioningFailed', sourceText(source)) }
  if (source.kind === 'image' && source.found !== 'ready') {
    const reason = source.found === 'missing' ? 'DatasourceIsNotFound' : 'DatasourceIsNotReady'
    return { phase: 'Pending', ready: no(reason, sourceText(source)) }
  }
  if (source.kind === 'http' && source.image === null) {
    const state = importing(source.import, now)
    return { phase: state.phase === 'ImageLost' ? 'Failed' : state.phase, ready: state.ready }
  }
  const problem = sizeProblem(have, baseOf(source)) ?? fault
  if (problem !== null) return { phase: 'Failed', ready: no('ProvisioningFailed', problem) }
  return { phase: 'Provisioning', ready: no('Provisioning', 'the disk is being made') }
}

function existing(have: DiskHave): { readonly phase: Phase; readonly ready: Said } {
  if (!have.present) {
    const message = `${have.disk?.path ?? 'the file'} or the image below it is missing on this host; the disk is ready again when it is back`
    return { phase: 'PVCLost', ready: no('PVCLost', message) }
  }
  return { phase: growthOf(have) === null ? 'Ready' : 'Resizing', ready: yes('Ready') }
}

/** Null takes a condition away. */
function conditionsOf(inputs: DiskStatusInputs, ready: Said): readonly (readonly [string, Said | null])[] {
  const { have } = inputs
  const by = holders(have)
  return [
    ['DatasourceReady', datasource(have)],
    ['StorageClassReady', storageClass(have)],
    ['Ready', ready],
    ['InUse', by.length > 0 ? yes('AttachedToVirtualMachine', attachedText(by)) : no('NotInUse')],
    ['Resizing', resizing(inputs)],
    ['Terminating', have.deleting ? yes('CleanupPending', inputs.fault ?? terminatingText(by)) : null],
  ]
}

const attachedText = (by: readonly string[]): string => `attached to the virtual machine ${someOf(by)}`

const terminatingText = (by: readonly string[]): string =>
  by.length === 0 ? 'the files are being removed' : `${attachedText(by)}: the disk stays until then`

/** A disk that exists needs its source no more. */
function datasource({ disk, source }: DiskHave): Said {
  if (disk !== null || source.kind === 'blank' || source.kind === 'http') return yes('DatasourceReady')
  if (source.kind === 'unknown') return no('ImageNotReady', sourceText(source))
  if (source.found === 'ready') return yes('DatasourceReady')
  const prefix = source.ref.kind === 'ClusterVirtualImage' ? 'Cluster' : ''
  return no(`${prefix}Image${source.found === 'missing' ? 'NotFound' : 'NotReady'}`, sourceText(source))
}

function sourceText(source: SourceHave): string {
  if (source.kind === 'unknown') return `a disk from a source of type ${source.type} is not built yet`
  if (source.kind !== 'image') return ''
  const label = `the ${source.ref.kind} ${source.ref.name}`
  if (source.found === 'missing') return `${label} does not exist`
  return source.phase === 'Ready' ? `${label} has no file on this host` : `${label} is ${source.phase}`
}

const storageClass = (have: DiskHave): Said =>
  have.disk !== null || have.storageClass.kind === 'found'
    ? yes('StorageClassReady')
    : no('StorageClassNotReady', classText(have))

function classText({ storageClass: have }: DiskHave): string {
  if (have.kind === 'missing') return `the StorageClass ${have.name} does not exist`
  return have.kind === 'no-default' ? 'no StorageClass is named, and none is marked as the default' : ''
}

function resizing({ have, fault }: DiskStatusInputs): Said | null {
  const bytes = growthOf(have)
  if (bytes === null || have.deleting || !have.present) return null
  const by = holders(have)
  const waits = by.length > 0 ? `; the virtual machine ${someOf(by)} has it open` : ''
  return yes('InProgress', fault ?? `the disk is being grown to ${formatBytes(bytes)}${waits}`)
}

function volumeFields({ disk, storageClass: have }: DiskHave): Partial<VirtualDiskStatus> {
  const named = have.kind === 'found' ? { storageClassName: have.name } : {}
  if (disk === null) return named
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
