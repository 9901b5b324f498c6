// Which hosts shall have an image, and from where each has its content. Pure.
//
// INVARIANTS
// - One host at a time asks the image's own source; every other waits until that one has the content, and copies it by its digest.
// - A host that has the content keeps it until the image is deleted, and what it was told stays as it is while others come and go.
import type { BindingImage, ClusterImageStatus } from '../../../schemas/index.ts'

/** What a host told of its copy. */
export interface ImageCopy {
  readonly node: string
  /** It can be asked now: it is heard of, and what it told is new. */
  readonly alive: boolean
  readonly url: string | null
  readonly phase: string | null
  /** SHA-256 of the stored file; null while it has none. */
  readonly digest: string | null
  /** Its binding as it is now. */
  readonly told: BindingImage | null
}

/** A host that may import. */
export interface Candidate {
  readonly node: string
  /** A machine or a disk there needs it. */
  readonly isUser: boolean
  readonly freeBytes: bigint
}

export type ImageAim =
  | { readonly do: 'keep' }
  | { readonly do: 'set'; readonly status: ClusterImageStatus }
  /** No host can import it. */
  | { readonly do: 'none' }

/** A source that serves nobody is not asked by all hosts of a cluster: the last of so many goes on trying. */
const MAX_IMPORTERS = 3

const hasContent = ({ phase, digest }: Pick<ImageCopy, 'phase' | 'digest'>): boolean =>
  phase === 'Ready' && digest !== null

/** @param candidates hosts that are ready to be given something */
export function aimImage(
  before: ClusterImageStatus,
  copies: readonly ImageCopy[],
  candidates: readonly Candidate[],
): ImageAim {
  const { nodes = [] } = before
  const digest = digestOf(before, copies)
  const isSource = ({ alive, ...copy }: ImageCopy) => alive && hasContent(copy)
  const kept = [...new Set([...nodes, ...copies.filter(hasContent).map(({ node }) => node)])]
  if (copies.some(isSource)) return aim(before, kept, digest)
  const [importer] = nodes
  // While nobody has it, one alone asks the source: one that was chosen before and is away is not asked to any more.
  if (digest === undefined) {
    const failed = failedOn(before, copies)
    const fresh = failed.length >= MAX_IMPORTERS ? [] : candidates.filter(({ node }) => !failed.includes(node))
    const stays = importer !== undefined && isCandidate(candidates, importer)
    if (stays && (!failed.includes(importer) || fresh.length === 0)) return aim(before, [importer], digest, failed)
    const chosen = elected(fresh.length === 0 ? candidates : fresh)
    return chosen === undefined ? { do: 'none' } : aim(before, [chosen.node], digest, failed)
  }
  if (importer !== undefined && isCandidate(candidates, importer)) return aim(before, kept, digest)
  const chosen = elected(candidates)
  return chosen === undefined ? { do: 'none' } : aim(before, [...new Set([chosen.node, ...kept])], digest)
}

function aim(
  before: ClusterImageStatus,
  nodes: readonly string[],
  digest: string | undefined,
  failed: readonly string[] = [],
): ImageAim {
  const status = {
    nodes,
    ...(digest === undefined ? {} : { digest }),
    ...(failed.length === 0 ? {} : { failed }),
  }
  const { nodes: had = [], digest: known, failed: failures } = before
  const { failed: fails } = status
  const same = digest === known && nodes.join() === had.join() && fails?.join() === failures?.join()
  return same ? { do: 'keep' } : { do: 'set', status }
}

/** Hosts where the import did not succeed: what is wrong there may be right elsewhere. */
const failedOn = ({ failed = [] }: ClusterImageStatus, copies: readonly ImageCopy[]): readonly string[] => [
  ...new Set([...failed, ...copies.filter(({ phase, alive }) => phase === 'Failed' && alive).map(({ node }) => node)]),
]

/** That of the hosts that have it; once known it stays while anybody has it, or while nobody says otherwise. */
function digestOf({ digest }: ClusterImageStatus, copies: readonly ImageCopy[]): string | undefined {
  const known = copies.filter(hasContent).sort((a, b) => (a.node < b.node ? -1 : 1))
  if (known.length === 0 || known.some((copy) => copy.digest === digest)) return digest
  return known[0]?.digest ?? digest
}

const isCandidate = (candidates: readonly Candidate[], name: string): boolean =>
  candidates.some(({ node }) => node === name)

/** Where it is needed anyway, then where most room is, then by name. */
const elected = (candidates: readonly Candidate[]): Candidate | undefined =>
  candidates.toSorted(
    (a, b) =>
      Number(b.isUser) - Number(a.isUser) ||
      (a.freeBytes === b.freeBytes ? 0 : a.freeBytes < b.freeBytes ? 1 : -1) ||
      (a.node < b.node ? -1 : 1),
  )[0]

/** A copy that has its content: what its host was told of it stays. Null for another one. */
export const toldContent = (own: ImageCopy | undefined): Pick<ImageCopy, 'told'> | null =>
  own !== undefined && hasContent(own) ? own : null

/** Sources that a host is told of at most: it asks one after the other. */
const MOST_SOURCES = 8

/** Where one host has the content from. `wait`: not yet; undefined: from the image's own source. */
export function contentFor(
  node: string,
  { nodes = [], digest }: ClusterImageStatus,
  copies: readonly ImageCopy[],
): BindingImage | 'wait' | undefined {
  const own = toldContent(copies.find((copy) => copy.node === node))
  if (own !== null) return own.told ?? undefined
  if (digest === undefined) return node === nodes[0] ? undefined : 'wait'
  const sources = copies
    .filter((copy) => copy.node !== node && copy.digest === digest && hasContent(copy) && copy.url !== null)
    .sort((a, b) => Number(b.alive) - Number(a.alive) || (a.node < b.node ? -1 : 1))
  const hasLive = sources.some(({ alive }) => alive)
  if (!hasLive && node === nodes[0]) return undefined
  if (sources.length === 0) return 'wait'
  return { digest, sources: sources.slice(0, MOST_SOURCES).map((copy) => ({ node: copy.node, url: copy.url ?? '' })) }
}
