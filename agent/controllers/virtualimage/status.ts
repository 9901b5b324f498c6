// What an image's status says. Pure.

import { timestamp } from '../../../lib/clock.ts'
import { removeCondition } from '../../../lib/conditions.ts'
import type { Condition } from '../../../lib/object.ts'
import { humanBytes } from '../../../lib/quantity.ts'
import type { VirtualImageStatus } from '../../../schemas/index.ts'
import type { ImportState } from '../../images/import-queue.ts'
import type { Speed } from '../../images/speed.ts'
import { someOf } from '../virtualdisk/users.ts'
import { IMAGE_CONDITIONS, type IMPORT_REASONS, type ImageCondition } from './conditions.ts'
import type { AnyImage, ImageHave } from './observe.ts'

export interface ImageStatusInputs {
  readonly image: AnyImage
  readonly before: AnyImage['status']
  readonly have: ImageHave
  readonly now: number
}

type Phase = 'Pending' | 'Provisioning' | 'Ready' | 'Failed' | 'Terminating' | 'ImageLost'

interface State {
  readonly phase: Phase
  readonly ready: Extract<ImageCondition, { type: 'Ready' }>
}

/** What a source on its way comes to; disks say the same. */
interface Importing {
  readonly phase: 'Pending' | 'Provisioning' | 'Failed'
  readonly ready: Extract<State['ready'], { reason: keyof typeof IMPORT_REASONS }>
}

/** Fields that both kinds of image have. */
export function imageStatus({ image, before, have, now }: ImageStatusInputs): VirtualImageStatus {
  const state = stateOf(have, now)
  const generation = image.metadata.generation
  const conditions = conditionsOf(have, state, image.kind).reduce<readonly Condition[]>(
    (list, condition) =>
      'status' in condition
        ? IMAGE_CONDITIONS.set(list, condition, generation, now)
        : removeCondition(list, condition.type),
    before?.conditions ?? [],
  )
  return {
    ...before,
    phase: have.deleting ? 'Terminating' : state.phase,
    progress: progressOf(have),
    ...facts(have),
    ...speedOf(have.import),
    target: { registryURL: '' },
    conditions,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  }
}

/** An import writes its claim before its file is in place: as long as it runs nothing is lost. */
export const isLost = ({ claim, image, import: running }: Pick<ImageHave, 'claim' | 'image' | 'import'>): boolean =>
  claim === 'fits' && image === null && running?.kind !== 'running'

const READY = { type: 'Ready' } as const

function stateOf(have: ImageHave, now: number): State {
  if (have.image !== null) return { phase: 'Ready', ready: { ...READY, status: 'True', reason: 'Ready' } }
  if (isLost(have)) {
    const message = 'the file of the image is missing on this host; the image is ready again when it is back'
    return { phase: 'ImageLost', ready: { ...READY, status: 'False', reason: 'ImageLost', message } }
  }
  return importing(have.import, now)
}

/** Phase and Ready condition while a source is on its way. */
export function importing(state: ImportState | null, now: number): Importing {
  switch (state?.kind) {
    case undefined:
    case 'queued': {
      const ahead = state?.ahead ?? 0
      const message = ahead > 0 ? `waits for its turn: ${ahead} imports come first` : ''
      return { phase: 'Pending', ready: { ...READY, status: 'False', reason: 'ProvisioningNotStarted', message } }
    }
    case 'running':
    case 'done': {
      const converting = state.kind === 'done' || state.progress?.stage === 'convert'
      const message = converting ? 'the image is being converted' : 'the image is being downloaded'
      return { phase: 'Provisioning', ready: { ...READY, status: 'False', reason: 'Provisioning', message } }
    }
    case 'failed':
      return {
        phase: 'Failed',
        ready: { ...READY, status: 'False', reason: 'ProvisioningFailed', message: failureText(state, now) },
      }
  }
}

function failureText({ message, attempt, retryAt }: Extract<ImportState, { kind: 'failed' }>, now: number): string {
  if (retryAt !== null)
    return `${message}; attempt ${attempt} failed, the next is at ${timestamp(Math.max(retryAt, now))}`
  return attempt > 1 ? `${message}; gave up after ${attempt} attempts` : message
}

type Change = ImageCondition | { readonly type: 'Terminating' }

function conditionsOf(have: ImageHave, { ready }: State, kind: string): readonly Change[] {
  const by = usedBy(have)
  return [
    { type: 'DatasourceReady', status: 'True', reason: 'DatasourceReady' },
    ...(kind === 'VirtualImage'
      ? [{ type: 'StorageClassReady', status: 'True', reason: 'DVCRTypeUsed', message: '' } as const]
      : []),
    ready,
    by === null
      ? { type: 'InUse', status: 'False', reason: 'NotInUse' }
      : { type: 'InUse', status: 'True', reason: inUseReason(have), message: by },
    have.deleting
      ? {
          type: 'Terminating',
          status: 'True',
          reason: 'CleanupPending',
          message: by === null ? 'the files are being removed' : `${by}: the image stays until then`,
        }
      : { type: 'Terminating' },
  ]
}

/** DVP has a reason for VMs only: its disks are copies, ours read through the image. */
const inUseReason = ({ users }: ImageHave) => (users.vms.length > 0 ? 'AttachedToVirtualMachine' : 'UsedByVirtualDisk')

/** In words, who needs the image; null when nobody does. */
export function usedBy({ users }: ImageHave): string | null {
  const parts = [
    users.vms.length === 0 ? [] : [`attached to the virtual machine ${someOf(users.vms)}`],
    users.disks.length === 0 ? [] : [`the base of the virtual disk ${someOf(users.disks)}`],
  ].flat()
  return parts.length === 0 ? null : parts.join('; ')
}

/** The download is the longest part; what comes after it has the last tenth. */
const DOWNLOAD_SHARE = 90

/** `37%`; an unknown length counts as nothing yet. */
export function percent(state: ImportState | null): string {
  if (state?.kind === 'done') return `${DOWNLOAD_SHARE}%`
  if (state?.kind !== 'running' || state.progress === null) return '0%'
  const { stage, bytes, total } = state.progress
  if (stage === 'convert') return `${DOWNLOAD_SHARE}%`
  return total === null || total === 0 ? '0%' : `${Math.floor((bytes * DOWNLOAD_SHARE) / total)}%`
}

const progressOf = (have: ImageHave): string => (have.image !== null ? '100%' : percent(have.import))

function facts({ image }: ImageHave): Partial<VirtualImageStatus> & { readonly berth?: { readonly digest: string } } {
  if (image === null) return {}
  return {
    format: image.sourceFormat,
    cdrom: image.cdrom,
    berth: { digest: image.digest },
    size: {
      stored: humanBytes(image.storedSize),
      storedBytes: String(image.storedSize),
      unpacked: humanBytes(image.virtualSize),
      unpackedBytes: String(image.virtualSize),
    },
  }
}

/** While and after a download; in a later life of the agent the last figures stay. */
export function speedOf(state: ImportState | null): { readonly downloadSpeed?: ReturnType<typeof speedFields> } {
  if (state?.kind !== 'running' && state?.kind !== 'done') return {}
  return { downloadSpeed: speedFields(state.kind === 'done' ? { ...state.speed, current: 0 } : state.speed) }
}

const speedFields = ({ average, current }: Speed) => ({
  avg: humanBytes(BigInt(average)),
  avgBytes: String(average),
  current: humanBytes(BigInt(current)),
  currentBytes: String(current),
})
