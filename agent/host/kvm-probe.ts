/**
 * Measures whether KVM runs guest code: the guest program under emulation, then under KVM. `/dev/kvm` that opens, and
 * libvirt that offers `kvm`, say nothing about it. Costs some tenths of a second on a good host, a few seconds on a
 * bad one; the caller keeps the result.
 */
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Clock } from '../../lib/clock.ts'
import type { ProbeRun, ProbeTimings } from './kvm-judge.ts'
import { CONSOLE_PORT, EXIT_PORT, LOOP_BEGIN, LOOP_END, probeGuest } from './probe-guest.ts'

export interface ProbeOptions {
  readonly clock: Clock
  /** QEMU's program. */
  readonly qemu?: string
  readonly kvmDevice?: string
}

interface Limits {
  readonly startMs: number
  readonly loopMs: number
}

/** Starting QEMU takes a tenth of a second; a host under load needs patience before it is called bad. */
const TCG_LIMITS: Limits = { startMs: 20_000, loopMs: 10_000 }
const KVM_START_LIMIT_MS = 10_000
const KVM_LOOP_LIMIT_MS = 1_000
/** KVM gets so many times what emulation needed before it is stopped. */
const KVM_PATIENCE = 3
/** Runs per side; more than one only to tell a slow host from a busy moment. */
const ROUNDS = 3

/** Runs the program on both sides. Rejects only when the signal is aborted or no temporary file can be written. */
export async function probeKvm(options: ProbeOptions, signal: AbortSignal): Promise<ProbeTimings> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-probe-'))
  try {
    const image = join(folder, 'guest')
    await writeFile(image, probeGuest())
    const tcg: ProbeRun[] = []
    for (let round = 0; round < ROUNDS; round++) tcg.push(await runGuest(options, 'tcg', image, TCG_LIMITS, signal))
    if (!(await exists(options.kvmDevice ?? '/dev/kvm'))) return { tcg, kvm: [] }
    return { tcg, kvm: await runUnderKvm(options, image, slowest(tcg), signal) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Repeats only a run that finished in no better time than emulation and not hopelessly worse. */
async function runUnderKvm(
  options: ProbeOptions,
  image: string,
  tcgMs: number,
  signal: AbortSignal,
): Promise<ProbeRun[]> {
  const limits = { startMs: KVM_START_LIMIT_MS, loopMs: Math.max(KVM_LOOP_LIMIT_MS, KVM_PATIENCE * tcgMs) }
  const runs: ProbeRun[] = []
  while (runs.length < ROUNDS) {
    const run = await runGuest(options, 'kvm', image, limits, signal)
    runs.push(run)
    if (run.kind !== 'finished' || run.loopMs < tcgMs / 2 || run.loopMs > tcgMs * 50) break
  }
  return runs
}

function slowest(runs: readonly ProbeRun[]): number {
  return Math.max(0, ...runs.map((run) => (run.kind === 'finished' ? run.loopMs : 0)))
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  )
}

/** One run: times the two bytes on QEMU's standard output and ends QEMU at the limit of the phase that it is in. */
async function runGuest(
  { clock, qemu = 'qemu-system-x86_64' }: ProbeOptions,
  accelerator: 'tcg' | 'kvm',
  image: string,
  limits: Limits,
  signal: AbortSignal,
): Promise<ProbeRun> {
  signal.throwIfAborted()
  const cancel = new AbortController()
  const child = execa('nice', ['-n', '10', qemu, ...qemuArgs(accelerator, image)], {
    cancelSignal: AbortSignal.any([signal, cancel.signal]),
    killSignal: 'SIGKILL',
    stdin: 'ignore',
    stdout: 'pipe',
    buffer: { stdout: false, stderr: true },
    maxBuffer: 10_000,
    encoding: 'utf8',
    reject: false,
  })
  const begun = clock.monotonic()
  let startMs: number | undefined
  let loopMs: number | undefined
  let timer = setTimeout(() => cancel.abort(), limits.startMs)
  child.stdout.setEncoding('latin1').on('data', (bytes: string) => {
    const now = clock.monotonic() - begun
    if (startMs === undefined && bytes.includes(LOOP_BEGIN)) {
      startMs = now
      clearTimeout(timer)
      timer = setTimeout(() => cancel.abort(), limits.loopMs)
    }
    if (startMs !== undefined && bytes.includes(LOOP_END)) loopMs ??= now - startMs
  })
  const ended = await child
  clearTimeout(timer)
  signal.throwIfAborted()
  if (startMs !== undefined && loopMs !== undefined) return { kind: 'finished', startMs, loopMs }
  if (cancel.signal.aborted) {
    const phase = startMs === undefined ? 'start' : 'loop'
    return { kind: 'late', phase, limitMs: phase === 'start' ? limits.startMs : limits.loopMs }
  }
  return { kind: 'failed', reason: failureOf(ended.stderr, ended.exitCode, ended.originalMessage) }
}

/** A machine with nothing but a CPU, memory and the two debug ports; QEMU's own microvm firmware loads the program. */
function qemuArgs(accelerator: 'tcg' | 'kvm', image: string): string[] {
  return [
    ['-machine', `microvm,accel=${accelerator}`],
    ['-m', '32'],
    ['-nodefaults', '-no-user-config', '-no-reboot'],
    ['-display', 'none'],
    ['-kernel', image],
    ['-chardev', 'stdio,id=out,signal=off'],
    ['-device', `isa-debugcon,iobase=${CONSOLE_PORT},chardev=out`],
    ['-device', `isa-debug-exit,iobase=${EXIT_PORT},iosize=4`],
  ].flat()
}

/** QEMU's last complaint; its warnings come before it. */
function failureOf(stderr: string | undefined, exitCode: number | undefined, message: string | undefined): string {
  const line = (stderr ?? '').trim().split('\n').at(-1)?.trim() ?? ''
  return line !== '' ? line : (message ?? `QEMU ended with code ${exitCode}`)
}
