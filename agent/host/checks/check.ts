/** The shape of a host check and of its answer. */
import type { Advice } from '../../../lib/advice.ts'
import type { EfiFirmware } from '../firmware.ts'
import type { HostReader } from '../host-reader.ts'
import type { KvmFailure, KvmVerdict } from '../kvm-judge.ts'

/** `warn`: guests run, but worse or less safely. `fail`: something that guests need is not there. `info`: a fact. */
export type CheckStatus = 'ok' | 'warn' | 'fail' | 'info'

export interface Finding {
  readonly status: CheckStatus
  /** One sentence: what is so. */
  readonly message: string
  /** What was looked at, for someone who doubts it. */
  readonly detail?: string
  /** What to do about it. */
  readonly remedy?: string
  /** The host does not tell; the condition is Unknown then. */
  readonly unknown?: true
  /** Says more than that the check failed. */
  readonly reason?: KvmFailure
}

export interface CheckResult extends Finding {
  readonly id: string
  readonly title: string
  /** Type of the Node's condition that says the same; absent when none does. */
  readonly condition?: string
}

/** What checks look at. Facts that cost time are found once, before. */
export interface CheckContext {
  readonly host: HostReader
  readonly stateDir: string
  readonly kvm: KvmVerdict
  readonly cpuController: 'v1' | 'v2' | null
  readonly efi: EfiFirmware | null
  /** Guests can have a TPM; `undefined` while libvirt was not asked. */
  readonly tpm?: boolean
  /** Packed as libvirt does; `undefined` while there is no connection. */
  readonly libvirtVersion?: number
  readonly qemuVersion?: number
  /** Guests run, and by emulation. */
  readonly emulated: boolean
}

export interface HostCheck {
  /** Short name for people and programs: `vhost-net`. */
  readonly id: string
  readonly title: string
  readonly condition?: string
  readonly advice: Advice
  run(context: CheckContext, signal: AbortSignal): Promise<Finding>
}
