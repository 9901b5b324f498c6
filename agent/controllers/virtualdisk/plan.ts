// The whole policy of a disk. Pure.
import type { StoredImage } from '../../images/stored.ts'
import type { DiskHave, SourceHave } from './observe.ts'

export type DiskStep =
  /** Take hold of the object before anything is made for it. */
  | { readonly do: 'hold' }
  | { readonly do: 'import' }
  | { readonly do: 'end-import' }
  /** Give up the claim on what was downloaded. */
  | { readonly do: 'release' }
  | {
      readonly do: 'create'
      readonly folder: string
      readonly bytes: bigint
      readonly base: string | null
      readonly shared: boolean
    }
  /** Take over what another host made in the folder of a shared class. */
  | { readonly do: 'adopt'; readonly folder: string }
  | { readonly do: 'grow'; readonly bytes: bigint; readonly inUse: boolean }
  | { readonly do: 'protect' }
  | { readonly do: 'unprotect' }
  /** Write the newest form of the object beside the file. */
  | { readonly do: 'record' }
  | { readonly do: 'remove' }
  /** What is in the folder of a shared class stays there, for another host; all else is left as it is. */
  | { readonly do: 'forget' }
  | { readonly do: 'let-go' }

/** VMs that must not lose the disk. */
export const holders = (have: DiskHave): readonly string[] =>
  have.users.filter(({ holds }) => holds).map(({ namespace, name }) => `${namespace}/${name}`)

export function planDisk(have: DiskHave): readonly DiskStep[] {
  const inUse = holders(have).length > 0
  if (have.deleting) return planDeletion(have, inUse)
  const steps: DiskStep[] = []
  if (!have.held.cleanup) steps.push({ do: 'hold' })
  if (inUse && !have.held.protection) steps.push({ do: 'protect' })
  if (!inUse && have.held.protection) steps.push({ do: 'unprotect' })
  return [...steps, ...(have.disk === null ? planCreation(have) : planUpkeep(have, inUse))]
}

function planDeletion(have: DiskHave, inUse: boolean): readonly DiskStep[] {
  if (inUse) return []
  return [
    { do: 'end-import' },
    // What is in a shared folder is another host's then, also where this one has only begun to make it.
    ...(have.released ? [{ do: 'forget' } as const] : []),
    { do: 'remove' },
    { do: 'release' },
    ...(have.held.protection ? [{ do: 'unprotect' } as const] : []),
    ...(have.held.cleanup ? [{ do: 'let-go' } as const] : []),
  ]
}

function planCreation(have: DiskHave): readonly DiskStep[] {
  const { source, storageClass } = have
  if (storageClass.kind !== 'found') return []
  if (have.made !== null) return storageClass.shared ? [{ do: 'adopt', folder: storageClass.folder }] : []
  if (awaitsConsumer(have)) return []
  if (source.kind === 'http' && source.image === null) {
    const outdated = source.claim === 'other-source' ? [{ do: 'release' } as const] : []
    return source.claim === 'fits' ? [{ do: 'release' }, { do: 'import' }] : [...outdated, { do: 'import' }]
  }
  const base = baseOf(source)
  if (sizeProblem(have, base) !== null) return []
  const bytes = have.wantBytes ?? base?.virtualSize ?? null
  if (bytes === null || (base === null && source.kind !== 'blank')) return []
  const { folder, shared } = storageClass
  return [{ do: 'create', folder, bytes, base: base?.digest ?? null, shared }]
}

function planUpkeep(have: DiskHave, inUse: boolean): readonly DiskStep[] {
  if (!have.present) return []
  const bytes = growthOf(have)
  return bytes === null ? [{ do: 'record' }] : [{ do: 'record' }, { do: 'grow', bytes, inUse }]
}

/** Its class makes it only when a virtual machine names it, and none does. */
export const awaitsConsumer = ({ disk, storageClass, users }: DiskHave): boolean =>
  disk === null && storageClass.kind === 'found' && storageClass.waits && !users.some(({ named }) => named)

/** The image that a new disk reads through; null for none, or none yet. */
export const baseOf = (source: SourceHave): StoredImage | null =>
  source.kind === 'http' || source.kind === 'image' ? source.image : null

/** In words, why an image that is there can't become this disk; null when it can. */
export function sizeProblem(have: DiskHave, base: StoredImage | null): string | null {
  if (base === null) return null
  if (base.cdrom) return 'the source is an ISO image: attach it to a virtual machine as an image, it is no disk'
  if (have.wantBytes !== null && have.wantBytes < base.virtualSize) {
    return `the size asked for is ${have.wantBytes} bytes, the image has ${base.virtualSize}: ask for that much or leave the size out`
  }
  return null
}

/** The larger size that is asked for; null when there is none. */
export function growthOf({ disk, wantBytes }: DiskHave): bigint | null {
  return disk !== null && wantBytes !== null && wantBytes > disk.sizeBytes ? wantBytes : null
}
