import { describe, expect, it } from 'vitest'
import { decide, explain } from '../../../../lib/placement/index.ts'
import { app, clusterOf, GIB, HOSTNAME, host, machine } from './world.ts'

describe('a decision', () => {
  it('takes the emptiest host, and of equal ones the first by name', () => {
    const cluster = clusterOf([host('h2'), host('h1'), host('h3')])
    const nodes = ['a', 'b', 'c', 'd'].map((name) => decide(cluster, { vm: machine(name) }).node)
    expect(nodes).toEqual(['h1', 'h2', 'h3', 'h1'])
  })

  it('reserves at once, unless told not to', () => {
    const cluster = clusterOf([host('h1', { milliCpu: 1500 })])
    expect(decide(cluster, { vm: machine('a') }, { reserve: false }).node).toBe('h1')
    expect(cluster.placesOf('uid-a')).toEqual([])
    expect(decide(cluster, { vm: machine('a') }).node).toBe('h1')
    expect(decide(cluster, { vm: machine('b') }).node).toBeNull()
    expect(cluster.placesOf('uid-a')).toEqual(['h1'])
  })

  it('says why nothing fits, counted and with numbers', () => {
    const cluster = clusterOf([
      host('h1', { memoryBytes: GIB }),
      host('h2', { memoryBytes: GIB / 2 }),
      host('h3', { unschedulable: true }),
    ])
    const decision = decide(cluster, { vm: machine('a', { memoryBytes: 2.1 * GIB }) })
    expect(decision.node === null && decision.message).toBe(
      '0/3 nodes: 2 insufficient memory (needs 2.1 GiB, 1 GiB free at best), 1 cordoned',
    )
    expect(decision.hosts().map(({ node }) => node)).toEqual(['h1', 'h2', 'h3'])
  })

  it('says that there are no hosts', () => {
    const decision = decide(clusterOf([]), { vm: machine('a') })
    expect(decision.node === null && decision.message).toBe('0/0 nodes: there are none')
  })

  it('does not count the place that the VM has against it', () => {
    const vm = machine('a', { milliCpu: 8000, labels: { app: 'a' }, apart: [app('a')] })
    const cluster = clusterOf([host('h1')], [[vm, 'h1']])
    expect(decide(cluster, { vm, current: 'h1' }).node).toBe('h1')
    expect(cluster.host('h1')?.usedMilliCpu).toBe(8000)
  })

  it('gives a migration a second place elsewhere, and both count until one is released', () => {
    const vm = machine('a')
    const cluster = clusterOf([host('h1'), host('h2')], [[vm, 'h1']])
    expect(decide(cluster, { vm, current: 'h1', migrate: true }).node).toBe('h2')
    expect(cluster.placesOf('uid-a')).toEqual(['h1', 'h2'])
    cluster.release('uid-a', 'h1')
    expect(cluster.placesOf('uid-a')).toEqual(['h2'])
    expect(cluster.host('h1')?.usedMilliCpu).toBe(0)
  })

  it('keeps VMs of anti-affinity apart, whoever of them has the term', () => {
    const loner = machine('loner', { apart: [app('web')] })
    const web = machine('web', { labels: { app: 'web' } })
    for (const [first, second] of [
      [loner, web],
      [web, loner],
    ] as const) {
      const cluster = clusterOf([host('h1')], [[first, 'h1']])
      expect(decide(cluster, { vm: second }).node).toBeNull()
      cluster.upsertNode(host('h2'))
      expect(decide(cluster, { vm: second }).node).toBe('h2')
    }
  })
})

it('explains every host: all reasons of the refused, the parts of the score of the others', () => {
  const cluster = clusterOf([
    host('h1'),
    host('h2', { unschedulable: true, milliCpu: 0 }),
    host('h3', { taints: [{ key: 'slow', effect: 'PreferNoSchedule' }] }),
  ])
  const [best, second, refused] = explain(cluster, { vm: machine('a'), current: 'h1' })
  expect(best).toMatchObject({ node: 'h1', fit: true, parts: { taints: 3, stay: 2 } })
  expect(second).toMatchObject({ node: 'h3', fit: true, parts: { taints: 1.5, stay: 0 } })
  expect(refused?.fit === false && refused.reasons.map(({ words }) => words)).toEqual([
    'the node is cordoned',
    'not enough CPU: needs 1 core, 0 cores of 0 cores free',
  ])
})

it('answers what-if questions without leaving a trace', () => {
  const web = (name: string) => machine(name, { labels: { app: 'web' }, apart: [app('web', HOSTNAME)] })
  const cluster = clusterOf([host('h1'), host('h2')], [[web('w1'), 'h1']])
  const node = cluster.whatIf(() => {
    cluster.removeNode('h2')
    cluster.release('uid-w1')
    cluster.upsertNode(host('h3', { unschedulable: true }))
    return decide(cluster, { vm: web('w2') }).node
  })
  expect(node).toBe('h1')
  expect(cluster.hosts.map(({ name }) => name).sort()).toEqual(['h1', 'h2'])
  expect(cluster.placesOf('uid-w2')).toEqual([])
  expect(decide(cluster, { vm: web('w2') }).node).toBe('h2')
})
