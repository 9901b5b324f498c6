// What the controllers need to know of this host; found at start, handed around as data.
import type { DiscoveredCpu } from '../../schemas/index.ts'

export interface HostFacts {
  readonly nodeName: string
  /** Changes at each boot of the host. */
  readonly bootId: string
  /** What guests run by, or in words why none may run. */
  readonly accelerator: { readonly use: 'kvm' | 'qemu' } | { readonly refused: string }
  /** Newest versioned q35 machine type: `pc-q35-7.2`. */
  readonly machineType: string
  /** Which cpu controller holds the guests: its shares have different ranges. Null: none, shares are not possible. */
  readonly cpuController: 'v1' | 'v2' | null
  /** UEFI firmware files, or null when the package is missing. */
  readonly efi: { readonly codePath: string; readonly varsTemplate: string } | null
  /** Guests can have a TPM. */
  readonly tpm: boolean
  /** What libvirt can give guests by the accelerator in use: named models that run here, and CPU features. */
  readonly cpu: {
    readonly models: readonly string[]
    readonly features: readonly string[]
    /** The host's own as guests can have it, with libvirt's XML of it; null when libvirt does not tell. */
    readonly own: (DiscoveredCpu & { readonly xml: string }) | null
  }
  readonly cores: number
  readonly memoryBytes: bigint
  readonly versions: { readonly libvirt: string; readonly qemu: string }
}
