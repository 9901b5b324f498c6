/** Runs all checks, side by side, each with a deadline. A check that breaks is a finding and never an error. */
import type { Clock } from '../../../lib/clock.ts'
import { cgroupCpuCheck } from './cgroup-cpu.ts'
import type { CheckContext, CheckResult, Finding, HostCheck } from './check.ts'
import { dnsmasqCheck } from './dnsmasq.ts'
import { emulatedMovesCheck } from './emulated-moves.ts'
import { firmwareCheck } from './firmware.ts'
import { freeSpaceCheck } from './free-space.ts'
import { hugepagesCheck } from './hugepages.ts'
import { iommuCheck } from './iommu.ts'
import { isoToolCheck } from './iso-tool.ts'
import { kvmCheck } from './kvm.ts'
import { libvirtVersionCheck } from './libvirt-version.ts'
import { nestedCheck } from './nested.ts'
import { qemuImgCheck } from './qemu-img.ts'
import { qemuVersionCheck } from './qemu-version.ts'
import { timeSyncCheck } from './time-sync.ts'
import { tpmCheck } from './tpm.ts'
import { tunCheck } from './tun.ts'
import { vhostNetCheck } from './vhost-net.ts'

/** In the order in which an operator reads them: what stops guests first. */
export const HOST_CHECKS: readonly HostCheck[] = [
  libvirtVersionCheck,
  qemuVersionCheck,
  kvmCheck,
  qemuImgCheck,
  isoToolCheck,
  dnsmasqCheck,
  tunCheck,
  freeSpaceCheck,
  cgroupCpuCheck,
  firmwareCheck,
  tpmCheck,
  timeSyncCheck,
  vhostNetCheck,
  nestedCheck,
  iommuCheck,
  hugepagesCheck,
  emulatedMovesCheck,
]

/** A file system that hangs, a daemon that does not answer: one check must not hold up the others. */
const DEADLINE_MS = 10_000

/** @throws only the signal's reason */
export async function runHostChecks(
  context: CheckContext,
  clock: Clock,
  signal: AbortSignal,
  checks: readonly HostCheck[] = HOST_CHECKS,
): Promise<readonly CheckResult[]> {
  const results = await Promise.all(checks.map((check) => runOne(check, context, clock, signal)))
  signal.throwIfAborted()
  return results
}

async function runOne(
  check: HostCheck,
  context: CheckContext,
  clock: Clock,
  signal: AbortSignal,
): Promise<CheckResult> {
  const { id, title, condition } = check
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  const deadline = clock.sleep(DEADLINE_MS, both).then(
    (): Finding => broken(`the check had not ended after ${DEADLINE_MS / 1000} s`),
    (): Finding => broken('the check was stopped'),
  )
  const finding = await Promise.race([attempt(check, context, both), deadline])
  over.abort()
  return { id, title, ...(condition === undefined ? {} : { condition }), ...finding }
}

async function attempt(check: HostCheck, context: CheckContext, signal: AbortSignal): Promise<Finding> {
  try {
    return await check.run(context, signal)
  } catch (error) {
    return broken(error instanceof Error ? error.message : String(error))
  }
}

function broken(reason: string): Finding {
  return { status: 'warn', unknown: true, message: `This could not be found out: ${reason}.` }
}
