// What a host tells of its storage and CPU in its Node, for whoever places things in a cluster: `status.berth`.
import type { KubeObject } from '../../lib/object.ts'

export interface NodeStorage {
  /** Of the file system of the state folder, as far as images and disks may fill it. */
  readonly freeBytes: bigint
}

interface NodeBerth {
  readonly storage?: { readonly freeBytes?: string }
  readonly cpu?: { readonly hostModel?: string }
}

const berthOf = (node: KubeObject | null): NodeBerth =>
  (node as { readonly status?: { readonly berth?: NodeBerth } } | null)?.status?.berth ?? {}

/** Null when the host has not told. */
export function nodeStorageOf(node: KubeObject | null): NodeStorage | null {
  const { freeBytes } = berthOf(node).storage ?? {}
  return freeBytes !== undefined && /^\d{1,19}$/.test(freeBytes) ? { freeBytes: BigInt(freeBytes) } : null
}

/** The host's CPU as libvirt's XML of it, from which a common one is made; null when the host has not told. */
export const nodeCpuOf = (node: KubeObject | null): string | null => berthOf(node).cpu?.hostModel ?? null
