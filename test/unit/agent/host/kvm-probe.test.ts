import { rmSync, writeFileSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { judgeKvm } from '../../../../agent/host/kvm-judge.ts'
import { probeKvm } from '../../../../agent/host/kvm-probe.ts'
import { probeGuest } from '../../../../agent/host/probe-guest.ts'
import { type Clock, systemClock } from '../../../../lib/clock.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-test-probe-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** A program in QEMU's place; `$2` is `microvm,accel=tcg` or `…kvm`. */
async function standIn(name: string, body: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, `#!/bin/sh\n${body}\n`)
  await chmod(path, 0o755)
  return path
}

const probe = (qemu: string, signal = AbortSignal.timeout(9_000), clock: Clock = systemClock) =>
  probeKvm({ clock, qemu, kvmDevice: '/dev/null' }, signal)

/**
 * A clock with the loop times of successive runs. A run asks it three times: at its begin, at the first byte, at the second;
 * the stand-in waits for the file `go` before the second byte, so that the two never arrive as one.
 */
function scripted(loopsMs: readonly number[], go: string): Clock {
  let asked = 0
  const monotonic = () => {
    const [run, part] = [Math.floor(asked / 3), asked % 3]
    asked++
    if (part === 1) writeFileSync(go, '')
    if (part === 2) rmSync(go)
    return run * 10_000 + ([0, 40, 40 + (loopsMs[run] ?? 0)][part] ?? 0)
  }
  return { ...systemClock, monotonic }
}

describe('probing KVM', () => {
  it('times the loop between the two bytes, and runs a good KVM once', async () => {
    const go = join(folder, 'go')
    const body = `printf S; until [ -e ${go} ]; do sleep 0.01; done; printf E; exit 1`
    const clock = scripted([150, 170, 160, 30], go)
    const { tcg, kvm } = await probe(await standIn('good', body), undefined, clock)
    const finished = (loopMs: number) => ({ kind: 'finished', startMs: 40, loopMs })
    expect(tcg).toEqual([finished(150), finished(170), finished(160)])
    expect(kvm).toEqual([finished(30)])
    expect(judgeKvm({ tcg, kvm })).toMatchObject({ usable: true })
  })

  it('stops a loop at the limit and says so', async () => {
    const body = 'case "$2" in *tcg) printf SE;; *kvm) printf S; exec sleep 60;; esac; exit 1'
    const { tcg, kvm } = await probe(await standIn('slow', body))
    expect(kvm).toEqual([{ kind: 'late', phase: 'loop', limitMs: 1000 }])
    expect(judgeKvm({ tcg, kvm })).toMatchObject({ usable: false })
  })

  it('tells the last complaint of a QEMU that fails', async () => {
    const { tcg, kvm } = await probe(
      await standIn('bad', 'echo "warning: x" >&2; echo "failed to initialize kvm: Permission denied" >&2; exit 1'),
    )
    expect(tcg[0]).toEqual({ kind: 'failed', reason: 'failed to initialize kvm: Permission denied' })
    expect(kvm).toEqual([{ kind: 'failed', reason: 'failed to initialize kvm: Permission denied' }])
  })

  it('does not run KVM without a device', async () => {
    const qemu = await standIn('none', 'printf SE')
    const { kvm } = await probeKvm({ clock: systemClock, qemu, kvmDevice: '/nonexistent' }, AbortSignal.timeout(9_000))
    expect(kvm).toEqual([])
  })

  it('ends with the signal and leaves no file', async () => {
    const qemu = await standIn('hang', 'exec sleep 60')
    const place = join(folder, 'place')
    await mkdir(place)
    vi.stubEnv('TMPDIR', place)
    onTestFinished(() => void vi.unstubAllEnvs())
    await expect(probe(qemu, AbortSignal.timeout(200))).rejects.toMatchObject({ name: 'TimeoutError' })
    expect(await readdir(place)).toEqual([])
  })
})

describe('the guest program', () => {
  const image = Buffer.from(probeGuest())

  it('has a multiboot header with its own addresses', () => {
    const [magic = 0, flags = 0, checksum = 0, at, load, end, bss, entry] = Array.from({ length: 8 }, (_, i) =>
      image.readUInt32LE(i * 4),
    )
    expect(magic).toBe(0x1badb002)
    expect((magic + flags + checksum) % 2 ** 32).toBe(0)
    expect({ at, load, end, bss, entry }).toEqual({
      at: 0x100000,
      load: 0x100000,
      end: 0x100000 + image.length,
      bss: 0x104000,
      entry: 0x100020,
    })
  })

  it('jumps to the code behind the jump and finds its segment table', () => {
    const jump = image.indexOf(0xea)
    expect(image.readUInt32LE(jump + 1)).toBe(0x100000 + jump + 7)
    const pointer = image.readUInt32LE(image.indexOf(Buffer.from([0x0f, 0x01, 0x15])) + 3) - 0x100000
    expect(pointer).toBe(image.length - 6)
    expect(image.readUInt16LE(pointer)).toBe(15)
    const table = image.readUInt32LE(pointer + 2) - 0x100000
    expect(image.readBigUInt64LE(table)).toBe(0n)
    expect(image.readBigUInt64LE(table + 8)).toBe(0x00209a0000000000n)
  })

  it('jumps back to the start of its loop', () => {
    const loop = image.indexOf(Buffer.from([0x48, 0xff, 0xc9, 0x75]))
    expect(loop + 5 + image.readInt8(loop + 4)).toBe(loop)
  })
})
