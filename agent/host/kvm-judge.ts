/**
 * From measured times to a verdict about KVM, in words and numbers. Pure, so that hosts that nobody has at hand can
 * be judged from recorded times.
 */

/** How one run of the guest program went. Times are milliseconds. */
export type ProbeRun =
  /** `startMs` from the start of QEMU to the first byte, `loopMs` from there to the second. */
  | { readonly kind: 'finished'; readonly startMs: number; readonly loopMs: number }
  /** Killed at the limit: before the first byte (`start`) or in the loop (`loop`). */
  | { readonly kind: 'late'; readonly phase: 'start' | 'loop'; readonly limitMs: number }
  /** QEMU could not be run, or ended before the program did. */
  | { readonly kind: 'failed'; readonly reason: string }

export interface ProbeTimings {
  /** Emulated runs, at least one. */
  readonly tcg: readonly ProbeRun[]
  /** Runs under KVM; none when the host has no `/dev/kvm`. */
  readonly kvm: readonly ProbeRun[]
}

/** Why KVM is not usable: a reason of the Node's condition. */
export type KvmFailure = 'NoKVMDevice' | 'KVMFailed' | 'KVMHangs' | 'KVMSlowerThanEmulation'

export type KvmVerdict = Judged &
  ({ readonly usable: true; readonly reason: 'KVMUsable' } | { readonly usable: false; readonly reason: KvmFailure })

interface Judged {
  /** A sentence for an operator. */
  readonly message: string
  /** KVM's time for the loop over emulation's; 1 and more is bad. Absent when there is nothing to compare. */
  readonly ratio?: number
}

/**
 * Stands in for emulation's time where this QEMU cannot emulate: emulation took 2 to 3.5 ms on a busy small machine,
 * a CPU that runs the loop itself well under one.
 */
export const REFERENCE_LOOP_MS = 10
/** A clock that ticks in fractions of a millisecond can measure nothing for a short loop. */
const SHORTEST_MS = 0.01

/** The judgement over all runs: emulation by its median, KVM by its best, so that one busy moment condemns nobody. */
export function judgeKvm({ tcg, kvm }: ProbeTimings): KvmVerdict {
  const last = kvm.at(-1)
  if (last === undefined) {
    const message =
      'The host has no /dev/kvm: hardware virtualization is absent, off in the firmware, or its module is not loaded.'
    return { usable: false, reason: 'NoKVMDevice', message }
  }
  const best = Math.min(...loopTimes(kvm))
  if (best === Number.POSITIVE_INFINITY) {
    const emulation = tcg.at(-1)
    if (last.kind === 'failed' && emulation?.kind === 'failed') return judgeNothingRan(emulation.reason)
    return judgeUnfinished(last, emulationTime(tcg))
  }
  return judgeTimes(best, emulationTime(tcg))
}

function judgeTimes(kvmMs: number, tcgMs: number | undefined): KvmVerdict {
  const ratio = Math.max(kvmMs, SHORTEST_MS) / Math.max(tcgMs ?? REFERENCE_LOOP_MS, SHORTEST_MS)
  const compared = tcgMs === undefined ? `${ms(REFERENCE_LOOP_MS)} allowed` : `${ms(tcgMs)} emulated`
  const times = `a loop of a million rounds took ${ms(kvmMs)}, ${compared}`
  if (ratio < 1) return { usable: true, reason: 'KVMUsable', message: `KVM runs guest code: ${times}.`, ratio }
  const factor = ratio >= 10 ? Math.round(ratio) : ratio.toFixed(1)
  const message = `KVM opens but runs guest code ${factor} times slower than emulation: ${times}.`
  return { usable: false, reason: 'KVMSlowerThanEmulation', message, ratio }
}

function judgeUnfinished(run: ProbeRun, tcgMs: number | undefined): KvmVerdict {
  const emulated = tcgMs === undefined ? '' : ` (emulated: ${ms(tcgMs)})`
  if (run.kind === 'late' && run.phase === 'loop') {
    const message = `KVM opens but a loop of a million rounds had not ended after ${ms(run.limitMs)}${emulated}.`
    if (tcgMs === undefined) return { usable: false, reason: 'KVMHangs', message }
    return {
      usable: false,
      reason: 'KVMSlowerThanEmulation',
      message,
      ratio: run.limitMs / Math.max(tcgMs, SHORTEST_MS),
    }
  }
  if (run.kind === 'late') {
    const message = `KVM opens but a guest had not run its first instructions after ${ms(run.limitMs)}.`
    return { usable: false, reason: 'KVMHangs', message }
  }
  const reason = run.kind === 'failed' ? run.reason : 'it ended too early'
  return { usable: false, reason: 'KVMFailed', message: `A guest could not be started under KVM: ${reason}` }
}

function judgeNothingRan(reason: string): KvmVerdict {
  const message = `The test guest ran neither under KVM nor emulated: ${reason}`
  return { usable: false, reason: 'KVMFailed', message }
}

/** Median of the emulated runs that finished. */
function emulationTime(runs: readonly ProbeRun[]): number | undefined {
  const sorted = loopTimes(runs).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

function loopTimes(runs: readonly ProbeRun[]): number[] {
  return runs.flatMap((run) => (run.kind === 'finished' ? [run.loopMs] : []))
}

/** Three digits, `1.26 s` and `2.1 ms`: enough to compare, few enough to read. */
function ms(value: number): string {
  if (value >= 1000) return `${(value / 1000).toFixed(value % 1000 === 0 ? 0 : 2)} s`
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(2))} ms`
}
