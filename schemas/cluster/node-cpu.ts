// What a host tells of its CPU in its Node, for classes of the type Discovery: `status.berth.cpu`.
import { createHash } from 'node:crypto'
import type { KubeObject } from '../../lib/object.ts'

export interface NodeCpu {
  /** libvirt's XML of what its hypervisor can give guests. */
  readonly hostModel: string
  /** By which guests run there. */
  readonly accelerator: 'kvm' | 'qemu'
}

/** Null when the host has not told. */
export function nodeCpuOf(node: KubeObject | null): NodeCpu | null {
  const status = (node as { readonly status?: { readonly berth?: { readonly cpu?: Partial<NodeCpu> } } } | null)?.status
  const { hostModel, accelerator } = status?.berth?.cpu ?? {}
  if (hostModel === undefined || (accelerator !== 'kvm' && accelerator !== 'qemu')) return null
  return { hostModel, accelerator }
}

const DIGITS = 16

/** Names a host's CPU: another one after another microcode, libvirt or QEMU that gives guests other features. */
export const cpuDigest = (hostModel: string): string =>
  createHash('sha256').update(hostModel).digest('hex').slice(0, DIGITS)
