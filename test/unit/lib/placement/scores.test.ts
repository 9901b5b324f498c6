import { describe, expect, it } from 'vitest'
import {
  type Ask,
  decide,
  explain,
  type NodeFacts,
  type ScoreName,
  type VmFacts,
} from '../../../../lib/placement/index.ts'
import { app, clusterOf, GIB, host, machine, ZONE } from './world.ts'

/** One part of the score, by host. */
function parts(
  name: ScoreName,
  hosts: readonly NodeFacts[],
  ask: Ask,
  placed: readonly (readonly [VmFacts, string])[] = [],
): Readonly<Record<string, number | undefined>> {
  const verdicts = explain(clusterOf(hosts, placed), ask)
  return Object.fromEntries(verdicts.flatMap((each) => (each.fit ? [[each.node, each.parts[name]]] : [])))
}

const three = [host('h1'), host('h2'), host('h3')]
const web = (name: string, more: Partial<VmFacts> = {}) => machine(name, { labels: { app: 'web' }, ...more })

describe('wishes', () => {
  it('balance: much free, and of CPU and memory alike', () => {
    const found = parts('balance', three, { vm: machine('new', { milliCpu: 0, memoryBytes: 0 }) }, [
      [machine('a', { milliCpu: 4000, memoryBytes: 8 * GIB }), 'h2'],
      [machine('b', { milliCpu: 8000, memoryBytes: 0 }), 'h3'],
    ])
    expect(found).toEqual({ h1: 1, h2: 0.5, h3: 0.25 })
  })

  it('spread: few of its kind', () => {
    const spread = [
      {
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: { app: 'web' } },
      },
    ]
    const found = parts('spread', three, { vm: web('new', { spread }) }, [
      [web('a'), 'h1'],
      [web('b'), 'h1'],
      [web('c'), 'h2'],
    ])
    expect(found).toEqual({ h1: 0, h2: 1, h3: 2 })
  })

  it('spread: outside of all zones is last', () => {
    const hosts = [host('h1', { labels: { [ZONE]: 'a' } }), host('h2')]
    const spread = [{ topologyKey: ZONE, whenUnsatisfiable: 'ScheduleAnyway', labelSelector: {} }]
    expect(parts('spread', hosts, { vm: web('new', { spread }) }, [[web('a'), 'h1']])).toEqual({ h1: 2, h2: 0 })
  })

  it('neighbours: what the VM prefers', () => {
    const placed = [
      [web('a'), 'h1'],
      [machine('db', { labels: { app: 'db' } }), 'h2'],
    ] as const
    const vm = machine('new', {
      preferNear: [{ weight: 10, term: app('web') }],
      preferApart: [{ weight: 10, term: app('db') }],
    })
    expect(parts('neighbours', three, { vm }, placed)).toEqual({ h1: 2, h2: 0, h3: 1 })
  })

  it('neighbours: what others prefer of it', () => {
    const shy = machine('shy', { preferApart: [{ weight: 10, term: app('web') }] })
    const fond = machine('fond', { preferNear: [{ weight: 30, term: app('web') }] })
    expect(
      parts('neighbours', three, { vm: web('new') }, [
        [shy, 'h1'],
        [fond, 'h2'],
      ]),
    ).toEqual({ h1: 0, h2: 2, h3: 0.5 })
  })

  it('node affinity: the share of the weights', () => {
    const term = (key: string) => ({ matchExpressions: [{ key, operator: 'Exists' }] })
    const hosts = [host('h1', { labels: { a: '1' } }), host('h2', { labels: { a: '1', b: '1' } }), host('h3')]
    const preferredNodes = [
      { weight: 75, term: term('a') },
      { weight: 25, term: term('b') },
    ]
    expect(parts('nodeAffinity', hosts, { vm: machine('new', { preferredNodes }) })).toEqual({ h1: 1.5, h2: 2, h3: 0 })
  })

  it('taints: those that are to be avoided and are not tolerated', () => {
    const taint = (key: string) => ({ key, effect: 'PreferNoSchedule' })
    const hosts = [host('h1'), host('h2', { taints: [taint('a'), taint('b')] }), host('h3', { taints: [taint('a')] })]
    const vm = machine('new', { tolerations: [{ key: 'b', operator: 'Exists' }] })
    expect(parts('taints', hosts, { vm })).toEqual({ h1: 3, h2: 1.5, h3: 1.5 })
  })

  it('image: bytes that are there', () => {
    const hosts = [host('h1', { images: new Set(['x', 'y']) }), host('h2', { images: new Set(['x']) }), host('h3')]
    const images = [
      { digest: 'x', bytes: 30 },
      { digest: 'y', bytes: 10 },
    ]
    expect(parts('image', hosts, { vm: machine('new', { images }) })).toEqual({ h1: 1, h2: 0.75, h3: 0 })
  })

  it('stay: where it is', () => {
    expect(parts('stay', three, { vm: machine('new'), current: 'h3' })).toEqual({ h1: 0, h2: 0, h3: 2 })
    expect(parts('stay', three, { vm: machine('new') })).toEqual({ h1: undefined, h2: undefined, h3: undefined })
  })
})

it('adds the parts up to the score', () => {
  for (const verdict of explain(clusterOf(three), { vm: machine('new'), current: 'h2' }))
    if (verdict.fit) expect(Object.values(verdict.parts).reduce((a, b) => a + b)).toBeCloseTo(verdict.score)
})

it('spreads six with preferred anti-affinity over three hosts', () => {
  const cluster = clusterOf(three)
  const vm = (name: string) => web(name, { preferApart: [{ weight: 100, term: app('web') }] })
  const nodes = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => decide(cluster, { vm: vm(name) }).node)
  expect(nodes).toEqual(['h1', 'h2', 'h3', 'h1', 'h2', 'h3'])
})
