// Where the bytes of a disk or an image come from: DVP's `dataSource`, shared by disks and both kinds of images.
import Type, { type TProperties } from 'typebox'
import { Choice, type DeepReadonly, Name } from '../shapes.ts'

const hex = (length: number) =>
  Type.Optional(Type.String({ minLength: length, maxLength: length, pattern: `^[0-9a-fA-F]{${length}}$` }))

const Checksum = () =>
  Type.Object({
    md5: hex(32),
    sha1: hex(40),
    sha256: hex(64),
    sha512: hex(128),
    streebog256: hex(64),
    streebog512: hex(128),
  })

export type Checksum = DeepReadonly<Type.Static<ReturnType<typeof Checksum>>>

/** PEM certificates in base64. */
const CaBundle = () => Type.Optional(Type.String({ format: 'byte' }))

/**
 * DVP's pattern of a URL with its overlapping alternatives folded into one class: the same texts match, in linear time.
 * (`$-_` runs from "$" over digits and upper case letters to "_", and has "%" in it.)
 */
export const URL_PATTERN = '^http[s]?:\\/\\/[!$-_a-z]+$'

/**
 * DVP's pattern of an image reference, with JavaScript's names of groups and, in the digest's algorithm, only those
 * separators that are not letters or digits themselves: the same texts match, in linear time.
 */
export const IMAGE_PATTERN =
  '^(?<name>(?:(?<domain>(?:(?:localhost|[\\w-]+(?:\\.[\\w-]+)+)(?::\\d+)?)|[\\w]+:\\d+)/)?(?<image>[a-z0-9_.-]+(?:/[a-z0-9_.-]+)*))(?::(?<tag>[\\w][\\w.-]{0,127}))?(?:@(?<digest>[A-Za-z][A-Za-z0-9]*(?:[+./:;<=>?@\\[\\\\\\]^_][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$'

/** The parts in which the kinds differ: what an ObjectRef may name, and whether references carry a namespace. */
interface SourceOptions<K extends readonly string[], N extends TProperties> {
  readonly refKinds: K
  readonly namespace: N
}

/** Fields of `dataSource` but its type, which DVP requires in one kind only. */
export const sourceFields = <const K extends readonly string[], N extends TProperties>(
  options: SourceOptions<K, N>,
) => ({
  containerImage: Type.Optional(
    Type.Object({
      caBundle: CaBundle(),
      image: Type.String({ pattern: IMAGE_PATTERN }),
      imagePullSecret: Type.Optional(Type.Object({ name: Type.Optional(Type.String()), ...options.namespace })),
    }),
  ),
  http: Type.Optional(
    Type.Object({
      caBundle: CaBundle(),
      checksum: Type.Optional(Checksum()),
      url: Type.String({ pattern: URL_PATTERN }),
    }),
  ),
  objectRef: Type.Optional(Type.Object({ kind: Choice(options.refKinds), name: Name(), ...options.namespace })),
  upload: Type.Optional(Type.Object({ checksum: Type.Optional(Checksum()) })),
})

export const SourceType = () => Choice(['HTTP', 'ContainerImage', 'ObjectRef', 'Upload'])

/** Progress of a transfer, in words (`avg`) and in bytes. */
export const DownloadSpeed = () =>
  Type.Object({
    avg: Type.Optional(Type.String()),
    avgBytes: Type.Optional(Type.String()),
    current: Type.Optional(Type.String()),
    currentBytes: Type.Optional(Type.String()),
  })

export const UploadUrls = () =>
  Type.Object({ external: Type.Optional(Type.String()), inCluster: Type.Optional(Type.String()) })

/** The shape that rules and importers see, whatever the kind. */
export interface DataSource {
  readonly type?: 'HTTP' | 'ContainerImage' | 'ObjectRef' | 'Upload'
  readonly http?: { readonly url: string; readonly caBundle?: string; readonly checksum?: Checksum }
  readonly containerImage?: { readonly image: string; readonly caBundle?: string }
  readonly objectRef?: { readonly kind: string; readonly name: string; readonly namespace?: string }
  readonly upload?: { readonly checksum?: Checksum }
}
