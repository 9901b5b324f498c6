/**
 * The plan of one domain: everything its XML says, as plain data. The agent makes it from objects, domain.ts prints it.
 * Paths are absolute, names and identities come in finished: nothing is looked up, generated or defaulted later.
 */

/** `kvm` runs guest code on the CPU, `qemu` emulates it. */
export type Accelerator = 'kvm' | 'qemu'

export interface DomainPlan {
  /** `<namespace>.<name>`, libvirt's name of the domain. */
  readonly name: string
  /** The object's uid; the identity of the domain. */
  readonly uuid: string
  readonly accelerator: Accelerator
  /** Versioned machine type such as `pc-q35-7.2`; chosen at the first start and kept, so that the guest's hardware stays. */
  readonly machine: string
  readonly memoryBytes: bigint
  readonly cpu: {
    readonly sockets: number
    readonly coresPerSocket: number
    /** Weight in the host's cpu controller; left out where the host has none. libvirt's range is 2 to 262144. */
    readonly shares?: number
    readonly model: CpuPlan
  }
  readonly firmware: FirmwarePlan
  /** A TPM 2.0, emulated by swtpm; libvirt keeps its state by the domain's uuid until it is told to erase it. */
  readonly tpm: boolean
  /** The hypervisor interface that Windows knows; KVM alone has it. */
  readonly hyperV: boolean
  readonly disks: readonly DiskPlan[]
  /** NoCloud ISO with user data; a CD-ROM behind the disks' controller, on a target of its own after all disks. */
  readonly seed?: { readonly path: string }
  readonly nics: readonly NicPlan[]
  /** File that gets everything that the guest writes to its first serial port; it is appended to. */
  readonly serialLogPath?: string
  /** Whether the guest sees the channel of qemu-guest-agent. */
  readonly guestAgent: boolean
  readonly metadata: BerthMetadata
  /** What QEMU does at a guest reboot: start again inside the process, or end so that a new definition takes effect. */
  readonly onReboot: 'restart' | 'destroy'
  /** Free PCIe root ports for devices attached later, beside those that the plan's own devices take; 10 at least. */
  readonly restartPorts: number
  readonly smbios: SmbiosPlan
}

export type CpuPlan =
  /** A model that libvirt knows by name; refused at start where the host cannot provide all of it. */
  | { readonly kind: 'model'; readonly model: string; readonly features?: readonly CpuFeature[] }
  /** A bare base model and the listed features. */
  | { readonly kind: 'features'; readonly base: 'qemu64'; readonly features: readonly string[] }
  /** The nearest model to the host's CPU that can still be migrated. */
  | { readonly kind: 'host-model' }
  /** The host's CPU itself; impossible under emulation. */
  | { readonly kind: 'host-passthrough' }

export interface CpuFeature {
  readonly name: string
  readonly policy: 'require' | 'disable'
}

export type FirmwarePlan =
  | { readonly kind: 'bios' }
  | {
      readonly kind: 'efi'
      /** Read-only firmware code, shared by all VMs. */
      readonly codePath: string
      /** Pristine variables that libvirt copies at the first start. */
      readonly varsTemplate: string
      /** The VM's own variables. */
      readonly nvramPath: string
    }

export type DiskFormat = 'qcow2' | 'raw'

/** One level below a disk; the format is recorded, never probed. */
export interface BackingLevel {
  readonly path: string
  readonly format: DiskFormat
}

export interface DiskPlan {
  /** `sda` to `sdy`; also the unit on the controller, so that a disk keeps its place when others come and go. */
  readonly target: string
  readonly bus: 'scsi'
  readonly device: 'disk' | 'cdrom'
  readonly path: string
  readonly format: DiskFormat
  /** The whole chain below, nearest first. Always written out with its end, so that no header is ever believed. */
  readonly backing?: readonly BackingLevel[]
  readonly readonly: boolean
  /** What the guest reads as the disk's serial number: 1 to 36 letters, digits, blanks or `_.+-`. */
  readonly serial?: string
  /** 1 boots first. Without any the firmware decides. */
  readonly bootOrder?: number
  /** Stable name of the device in libvirt's calls; starts with `ua-`. */
  readonly alias: string
  /** Whether the guest's TRIM frees space on the host. */
  readonly discard: boolean
}

export interface NicPlan {
  readonly mac: string
  /** Name of the libvirt network. */
  readonly network: string
  /** Starts with `ua-`. */
  readonly alias: string
}

/** What the guest's firmware tables say about the machine; empty ones are left out. */
export interface SmbiosPlan {
  readonly manufacturer: string
  readonly product: string
  readonly version?: string
  readonly serial?: string
  readonly sku?: string
  readonly family?: string
}

/** What the agent writes into the domain about itself, enough to rebuild a lost database. Never holds secrets. */
export interface BerthMetadata {
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** Fence: changes with every change of host. */
  readonly epoch: number
  /** `metadata.generation` of the applied object. */
  readonly generation: number
  /** The applied spec, as JSON text. */
  readonly specJson: string
  /** Digest of the plan that this definition was made from. */
  readonly digest: string
  /** Stopped by an operation and to stay so until one starts it. */
  readonly stoppedManually: boolean
  /** RFC 3339; when the agent last started the domain. */
  readonly startedAt?: string
}

/** A plan that no domain can be made of; the message names the field. */
export class DomainPlanError extends Error {
  override readonly name = 'DomainPlanError'
}
