// What a host tells of its storage in its Node, for whoever places things in a cluster: `status.berth`, and `status.images`.
import type { KubeObject } from '../../lib/object.ts'

export interface NodeStorage {
  /** Of the file system of the state folder, as far as images and disks may fill it. */
  readonly freeBytes: bigint
}

/** A storage class on that host. */
export interface NodeClass {
  readonly name: string
  /** In words, why no disk can be used or made there; null when it can. */
  readonly problem: string | null
  /** As far as disks may fill the file system of its folder. */
  readonly freeBytes: bigint
  readonly totalBytes: bigint
  /** Of a shared class: the mark in its folder, the same on every host that has the same folder. Null: not shared, or not read. */
  readonly folder: string | null
}

/** As it is stored: amounts are decimal text. */
interface StoredClass {
  readonly name: string
  readonly problem?: string
  readonly freeBytes: string
  readonly totalBytes: string
  readonly folder?: string
}

interface NodeBerth {
  readonly storage?: { readonly freeBytes?: string; readonly classes?: readonly StoredClass[] }
}

interface NodeImage {
  readonly names?: readonly string[]
}

type Status = { readonly berth?: NodeBerth; readonly images?: readonly NodeImage[] }

const statusOf = (node: KubeObject | null): Status => (node as { readonly status?: Status } | null)?.status ?? {}
const berthOf = (node: KubeObject | null): NodeBerth => statusOf(node).berth ?? {}

const isAmount = (text: unknown): text is string => typeof text === 'string' && /^\d{1,19}$/.test(text)

/** Null when the host has not told. */
export function nodeStorageOf(node: KubeObject | null): NodeStorage | null {
  const { freeBytes } = berthOf(node).storage ?? {}
  return isAmount(freeBytes) ? { freeBytes: BigInt(freeBytes) } : null
}

/** Null when the host has not told. Amounts that make no sense count as none. */
export const nodeClassesOf = (node: KubeObject | null): readonly NodeClass[] | null =>
  berthOf(node).storage?.classes?.map(({ name, problem = null, freeBytes, totalBytes, folder = null }) => ({
    name,
    problem,
    freeBytes: isAmount(freeBytes) ? BigInt(freeBytes) : 0n,
    totalBytes: isAmount(totalBytes) ? BigInt(totalBytes) : 0n,
    folder,
  })) ?? null

export const storedClass = ({ name, problem, freeBytes, totalBytes, folder }: NodeClass): StoredClass => ({
  name,
  ...(problem === null ? {} : { problem }),
  freeBytes: String(freeBytes),
  totalBytes: String(totalBytes),
  ...(folder === null ? {} : { folder }),
})

const DIGEST_NAME = 'sha256:'

/** An image that a host has, as Kubernetes tells it: `names` has `sha256:DIGEST`, then the objects that it belongs to. */
export const nodeImage = (digest: string, owners: readonly string[], sizeBytes: bigint) => ({
  names: [`${DIGEST_NAME}${digest}`, ...owners],
  sizeBytes: Number(sizeBytes),
})

/** SHA-256 digests of the images that the host has. */
export const nodeImagesOf = (node: KubeObject | null): readonly string[] =>
  (statusOf(node).images ?? []).flatMap(({ names = [] }) =>
    names.flatMap((name) => (name.startsWith(DIGEST_NAME) ? [name.slice(DIGEST_NAME.length)] : [])),
  )
