import { describe, expect, it } from 'vitest'
import { preempt, type VmFacts } from '../../../../lib/placement/index.ts'
import { app, clusterOf, GIB, host, machine } from './world.ts'

const batch = (name: string, priority: number, more: Partial<VmFacts> = {}) =>
  machine(name, { priority, milliCpu: 4000, ...more })
const victimsOf = (found: ReturnType<typeof preempt>) =>
  found.node === null ? [] : found.victims.map(({ name }) => name)

describe('preemption', () => {
  const important = machine('important', { priority: 100, milliCpu: 4000 })

  it('takes the place of the least important, and says so', () => {
    const cluster = clusterOf(
      [host('h1'), host('h2')],
      [
        [batch('a', 50), 'h1'],
        [batch('b', 50), 'h1'],
        [batch('c', 50), 'h2'],
        [batch('d', 10), 'h2'],
      ],
    )
    expect(preempt(cluster, { vm: important })).toMatchObject({
      node: 'h2',
      message: 'on h2, 1 VM of lower priority than 100 makes room: default/d (priority 10)',
    })
    expect(cluster.size).toBe(4)
  })

  it('takes as few as it can', () => {
    const cluster = clusterOf(
      [host('h1')],
      [
        [batch('small1', 0, { milliCpu: 2000 }), 'h1'],
        [batch('small2', 0, { milliCpu: 2000 }), 'h1'],
        [batch('big', 0, { milliCpu: 4000, memoryBytes: 2 * GIB }), 'h1'],
      ],
    )
    expect(victimsOf(preempt(cluster, { vm: important }))).toEqual(['big'])
  })

  it('spares what would not help', () => {
    const cluster = clusterOf(
      [host('h1')],
      [
        [batch('idle', 0, { milliCpu: 0 }), 'h1'],
        [batch('busy', 5, { milliCpu: 8000 }), 'h1'],
      ],
    )
    expect(victimsOf(preempt(cluster, { vm: important }))).toEqual(['busy'])
  })

  it('never takes the place of an equal or a more important one', () => {
    const cluster = clusterOf([host('h1')], [[batch('equal', 100, { milliCpu: 8000 }), 'h1']])
    expect(preempt(cluster, { vm: important })).toEqual({
      node: null,
      message: 'no node would have room without VMs of lower priority than 100',
    })
  })

  it('takes nobody for preemptionPolicy Never', () => {
    const cluster = clusterOf([host('h1')], [[batch('a', 0, { milliCpu: 8000 }), 'h1']])
    expect(preempt(cluster, { vm: { ...important, preempts: false } })).toMatchObject({
      node: null,
      message: expect.stringMatching(/preemptionPolicy Never/),
    })
  })

  it('does not help where victims do not: a cordoned host, a missing label', () => {
    const full = [batch('a', 0, { milliCpu: 8000 }), 'h1'] as const
    expect(preempt(clusterOf([host('h1', { unschedulable: true })], [full]), { vm: important }).node).toBeNull()
    expect(preempt(clusterOf([host('h1')], [full]), { vm: { ...important, nodeSelector: { a: 'b' } } }).node).toBeNull()
  })

  it('ends one that it must not be near', () => {
    const cluster = clusterOf(
      [host('h1')],
      [
        [batch('other', 0, { milliCpu: 0 }), 'h1'],
        [batch('rival', 0, { milliCpu: 0, labels: { app: 'rival' } }), 'h1'],
      ],
    )
    expect(victimsOf(preempt(cluster, { vm: { ...important, apart: [app('rival')] } }))).toEqual(['rival'])
  })
})
