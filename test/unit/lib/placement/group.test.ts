import { describe, expect, it } from 'vitest'
import { type Ask, companionsOf, decide, decideGroup, ringOf, type VmFacts } from '../../../../lib/placement/index.ts'
import { app, clusterOf, GIB, host, machine, ZONE } from './world.ts'

const asks = (...vms: VmFacts[]): readonly Ask[] => vms.map((vm) => ({ vm }))
const near = (name: string, of: string, more: Partial<VmFacts> = {}) =>
  machine(name, { labels: { app: name }, near: [app(of)], ...more })

describe('a group', () => {
  it('is placed as a whole and reserved', () => {
    const web = (name: string) => machine(name, { labels: { app: 'web' }, apart: [app('web')] })
    const cluster = clusterOf([host('h1'), host('h2'), host('h3')])
    const { placed } = decideGroup(cluster, asks(web('a'), web('b'), web('c')))
    expect([...(placed?.values() ?? [])].sort()).toEqual(['h1', 'h2', 'h3'])
    expect(cluster.size).toBe(3)
  })

  it('is refused as a whole, says who is too many, and leaves nothing reserved', () => {
    const web = (name: string) => machine(name, { labels: { app: 'web' }, apart: [app('web')] })
    const cluster = clusterOf([host('h1'), host('h2')])
    const decision = decideGroup(cluster, asks(web('a'), web('b'), web('c')))
    expect(decision).toMatchObject({ placed: null, gaveUp: false })
    expect(decision.placed === null && decision.message).toMatch(
      /^2 of 3 VMs can be placed; default\/c: 0\/2 nodes: 2 with a VM that it must not be near/,
    )
    expect(cluster.size).toBe(0)
  })

  it('goes back when the first choice leaves no room for the others', () => {
    // Balance puts the first small one on the big host, where the big one has to go.
    const cluster = clusterOf([host('h1', { milliCpu: 4000 }), host('h2', { milliCpu: 1000 })])
    const small = machine('small', { memoryBytes: 2 * GIB })
    const big = machine('big', { milliCpu: 4000 })
    expect(decideGroup(cluster, asks(small, big)).placed).toEqual(
      new Map([
        ['uid-small', 'h2'],
        ['uid-big', 'h1'],
      ]),
    )
  })

  it('places VMs that need each other, which no one of them could alone', () => {
    const [a, b] = [near('a', 'b'), near('b', 'a')]
    const cluster = clusterOf([host('h1', { milliCpu: 1500 }), host('h2')])
    const alone = decide(cluster, { vm: a })
    expect(alone.node === null && alone.message).toBe(
      '0/2 nodes: 2 without a VM that it must be near, which is placed nowhere (required affinity)',
    )
    expect(companionsOf(cluster, a, [machine('other'), b])).toEqual([a, b])
    expect(ringOf(cluster, a, [machine('other'), b])).toEqual([b])
    expect([...(decideGroup(cluster, asks(a, b)).placed?.values() ?? [])]).toEqual(['h2', 'h2'])
  })

  it('tells a ring from those that only count on it', () => {
    const ring = [near('a', 'b'), near('b', 'c'), near('c', 'a')]
    const [a, b, c] = ring as [VmFacts, VmFacts, VmFacts]
    const hanger = near('d', 'a')
    const cluster = clusterOf([host('h1')])
    expect(ringOf(cluster, a, [b, c, hanger])).toEqual([b, c])
    expect(ringOf(cluster, hanger, [a, b, c])).toEqual([])
  })

  it('places a ring of three in one zone', () => {
    const ring = [
      near('a', 'b', { near: [app('b', ZONE)], milliCpu: 8000 }),
      near('b', 'c', { near: [app('c', ZONE)], milliCpu: 8000 }),
      near('c', 'a', { near: [app('a', ZONE)], milliCpu: 8000 }),
    ]
    const inZone = (name: string, zone: string) => host(name, { labels: { [ZONE]: zone } })
    const cluster = clusterOf([
      inZone('a1', 'a'),
      inZone('a2', 'a'),
      inZone('b1', 'b'),
      inZone('b2', 'b'),
      inZone('b3', 'b'),
    ])
    expect([...(decideGroup(cluster, asks(...ring)).placed?.values() ?? [])].sort()).toEqual(['b1', 'b2', 'b3'])
    cluster.removeNode('b3')
    expect(decideGroup(cluster, asks(...ring)).placed).toBeNull()
  })

  it('says when it gave up', () => {
    const cluster = clusterOf(Array.from({ length: 8 }, (_, index) => host(`h${index}`, { milliCpu: 1000 })))
    const vms = Array.from({ length: 9 }, (_, index) => machine(`vm${index}`, { labels: { n: String(index) } }))
    const decision = decideGroup(cluster, asks(...vms), { maxSteps: 50 })
    expect(decision).toMatchObject({ placed: null, gaveUp: true })
    expect(decision.placed === null && decision.message).toMatch(/^8 of 9 VMs can be placed; .*the search was given up/)
  })

  it('proves quickly that equal VMs are too many', () => {
    const cluster = clusterOf(Array.from({ length: 10 }, (_, index) => host(`h${index}`, { milliCpu: 1000 })))
    const vms = Array.from({ length: 11 }, (_, index) => machine(`vm${index}`))
    expect(decideGroup(cluster, asks(...vms))).toMatchObject({ placed: null, gaveUp: false })
  })

  it('names the VM that has no place even alone', () => {
    const decision = decideGroup(clusterOf([host('h1')]), asks(machine('a'), machine('b', { milliCpu: 9000 })))
    expect(decision.placed === null && decision.message).toBe(
      'default/b has no place even alone: 0/1 nodes: 1 insufficient CPU (needs 9 cores, 8 cores free at best)',
    )
  })
})
