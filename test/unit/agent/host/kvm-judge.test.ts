import { describe, expect, it } from 'vitest'
import { judgeKvm, type ProbeRun, type ProbeTimings } from '../../../../agent/host/kvm-judge.ts'

const ran = (...loops: number[]): ProbeRun[] => loops.map((loopMs) => ({ kind: 'finished', startMs: 25, loopMs }))
const late = (phase: 'start' | 'loop', limitMs: number): ProbeRun => ({ kind: 'late', phase, limitMs })
const failed = (reason: string): ProbeRun => ({ kind: 'failed', reason })

const rows: readonly [string, ProbeTimings, boolean, string, RegExp][] = [
  [
    'a server with hardware support',
    { tcg: ran(2.6, 2.2, 2.4), kvm: ran(0.4) },
    true,
    'KVMUsable',
    /took 0\.4 ms, 2\.4 ms emulated/,
  ],
  ['both bytes in one read under KVM', { tcg: ran(2.2, 2.2, 2.2), kvm: ran(0) }, true, 'KVMUsable', /took 0 ms/],
  ['one slow moment in a good KVM', { tcg: ran(2.2, 2.1, 2.3), kvm: ran(4.9, 0.5) }, true, 'KVMUsable', /took 0\.5 ms/],
  ['one unmeasured emulated run', { tcg: ran(0, 2.3, 2.1), kvm: ran(0.6) }, true, 'KVMUsable', /2\.1 ms emulated/],
  [
    'no emulation in this QEMU, good KVM',
    { tcg: [failed('invalid accelerator tcg')], kvm: ran(0.5) },
    true,
    'KVMUsable',
    /10 ms allowed/,
  ],
  [
    'no emulation in this QEMU, slow KVM',
    { tcg: [failed('invalid accelerator tcg')], kvm: ran(900) },
    false,
    'KVMSlowerThanEmulation',
    /90 times slower/,
  ],
  [
    'paravirtual KVM, measured to its end',
    { tcg: ran(3.5, 2, 3.5), kvm: ran(1260) },
    false,
    'KVMSlowerThanEmulation',
    /360 times slower than emulation.*1\.26 s, 3\.5 ms/,
  ],
  [
    'KVM no better than emulation',
    { tcg: ran(2, 2, 2), kvm: ran(2.6, 2, 2.4) },
    false,
    'KVMSlowerThanEmulation',
    /1\.0 times slower/,
  ],
  [
    'paravirtual KVM, stopped at the limit',
    { tcg: ran(2.2, 2, 2.3), kvm: [late('loop', 1000)] },
    false,
    'KVMSlowerThanEmulation',
    /not ended after 1 s \(emulated: 2\.2 ms\)/,
  ],
  [
    'a loop without end and nothing to compare',
    { tcg: [failed('x')], kvm: [late('loop', 1000)] },
    false,
    'KVMHangs',
    /not ended after 1 s\./,
  ],
  [
    'a hang before the first instruction',
    { tcg: ran(2, 2, 2), kvm: [late('start', 10_000)] },
    false,
    'KVMHangs',
    /first instructions after 10 s/,
  ],
  [
    'a device that may not be opened',
    { tcg: ran(2, 2, 2), kvm: [failed('Could not access KVM kernel module: Permission denied')] },
    false,
    'KVMFailed',
    /Permission denied/,
  ],
  [
    'no QEMU at all',
    { tcg: [failed('no such file')], kvm: [failed('no such file')] },
    false,
    'KVMFailed',
    /neither under KVM nor emulated: no such file/,
  ],
  ['no device', { tcg: ran(2, 2, 2), kvm: [] }, false, 'NoKVMDevice', /no \/dev\/kvm/],
]

describe('the verdict about KVM', () => {
  it.each(rows)('on %s', (_what, timings, usable, reason, message) => {
    const verdict = judgeKvm(timings)
    expect(verdict).toMatchObject({ usable, reason })
    expect(verdict.message).toMatch(message)
  })

  it('carries the ratio where both sides were measured', () => {
    expect(judgeKvm({ tcg: ran(2, 2, 2), kvm: ran(0.5) }).ratio).toBeCloseTo(0.25)
    expect(judgeKvm({ tcg: ran(2, 2, 2), kvm: [late('loop', 1000)] }).ratio).toBeCloseTo(500)
    expect(judgeKvm({ tcg: ran(2, 2, 2), kvm: [late('start', 1000)] }).ratio).toBeUndefined()
  })
})
