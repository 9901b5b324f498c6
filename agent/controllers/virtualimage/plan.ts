// The whole policy of an image. Pure.
import type { PeerContent } from '../../images/importer.ts'
import type { ImageHave } from './observe.ts'

export type ImageStep =
  /** Take hold of the object before anything is made for it. */
  | { readonly do: 'hold' }
  /** From its source, or from hosts that have its content. */
  | { readonly do: 'import'; readonly content: PeerContent | null }
  /** End the import and forget what it said. */
  | { readonly do: 'end-import' }
  /** Give the claim up; the file goes when nobody else needs it. */
  | { readonly do: 'release' }
  | { readonly do: 'protect' }
  | { readonly do: 'unprotect' }
  /** Write the newest form of the object beside the file. */
  | { readonly do: 'record' }
  | { readonly do: 'let-go' }

export function planImage(have: ImageHave): readonly ImageStep[] {
  const used = have.users.vms.length + have.users.disks.length > 0
  if (have.deleting) return planDeletion(have, used)
  const steps: ImageStep[] = []
  if (!have.held.cleanup) steps.push({ do: 'hold' })
  if (used && !have.held.protection) steps.push({ do: 'protect' })
  if (!used && have.held.protection) steps.push({ do: 'unprotect' })
  const comesBack = have.image === null && have.content !== null
  if (have.claim === 'fits' && !comesBack) return [...steps, { do: 'record' }]
  if (have.claim === 'other-source') steps.push({ do: 'release' })
  return [...steps, { do: 'import', content: have.content }]
}

function planDeletion(have: ImageHave, used: boolean): readonly ImageStep[] {
  if (used) return []
  return [
    { do: 'end-import' },
    { do: 'release' },
    ...(have.held.protection ? [{ do: 'unprotect' } as const] : []),
    ...(have.held.cleanup ? [{ do: 'let-go' } as const] : []),
  ]
}
