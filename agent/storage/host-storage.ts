// What this host tells of its storage in its Node: classes with their room, and the images that it has.
import { type NodeClass, nodeImage } from '../../schemas/index.ts'
import type { ContentStore } from '../images/content-store.ts'
import { spaceFor } from '../images/space.ts'
import type { ClassFolders } from './class-folders.ts'

export interface HostStorage {
  /** Bytes below the state folder that images and disks may fill; null when that could not be told. */
  readonly freeBytes: bigint | null
  /** Null before they were looked at. */
  readonly classes: readonly NodeClass[] | null
  readonly images: readonly ReturnType<typeof nodeImage>[]
}

/** The largest: a Node is no place for all images of a host that has hundreds. */
const MAX_IMAGES = 100

export async function hostStorage(
  stateDir: string,
  { content, folders }: { readonly content: ContentStore; readonly folders: Pick<ClassFolders, 'found'> },
): Promise<HostStorage> {
  return {
    freeBytes: await spaceFor(stateDir).catch(() => null),
    classes: folders.found,
    images: await imagesIn(content),
  }
}

async function imagesIn(content: ContentStore): Promise<HostStorage['images']> {
  const owners = new Map<string, string[]>()
  for (const { digest, object } of content.claims())
    owners.set(digest, [...(owners.get(digest) ?? []), ownerOf(object)])
  const images = await Promise.all(
    [...owners].map(async ([digest, names]) => {
      const image = await content.get(digest)
      return image === null ? null : nodeImage(digest, names.filter((name) => name !== '').sort(), image.storedSize)
    }),
  )
  return images
    .filter((image) => image !== null)
    .sort((a, b) => b.sizeBytes - a.sizeBytes || ((a.names[0] ?? '') < (b.names[0] ?? '') ? -1 : 1))
    .slice(0, MAX_IMAGES)
}

/** `VirtualImage default/guest`. */
function ownerOf(object: unknown): string {
  const { kind, metadata } = (object ?? {}) as {
    readonly kind?: string
    readonly metadata?: { readonly name?: string; readonly namespace?: string }
  }
  if (kind === undefined || metadata?.name === undefined) return ''
  return `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`
}
