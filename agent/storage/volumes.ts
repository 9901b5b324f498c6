// What a VM needs to know of a disk or an image to have it in its domain. Implemented by the dir driver; read by the VM controller.

export type VolumeFormat = 'qcow2' | 'raw'

/** A file and, below it, the chain of files that it reads through. Formats are recorded facts, never probed again. */
export interface Volume {
  /** Absolute path of the top file. */
  readonly path: string
  readonly format: VolumeFormat
  /** From the top file's backing file down; empty when it stands alone. */
  readonly backing: readonly { readonly path: string; readonly format: VolumeFormat }[]
  /** Size that the guest sees, in bytes. */
  readonly sizeBytes: bigint
  /** An ISO image: a CD-ROM for the guest. Images are read-only in either case. */
  readonly cdrom: boolean
  readonly readonly: boolean
}

/** Finds the volume of an object by its uid; null when it is not on this host (yet). Cheap: reads a sidecar file, cached. */
export interface Volumes {
  disk(uid: string): Promise<Volume | null>
  image(uid: string): Promise<Volume | null>
}
