import { describe, expect, it } from 'vitest'
import {
  type Cluster,
  loadOf,
  type Proposal,
  proposeMoves,
  type RebalanceOptions,
} from '../../../../lib/placement/index.ts'
import { app, clusterOf, GIB, host, machine } from './world.ts'

const shown = ({ moves }: Proposal) => moves.map(({ vm, from, to }) => `${vm.name}: ${from} -> ${to}`)

function apply(cluster: Cluster, { moves }: Proposal): void {
  for (const { vm, to } of moves) cluster.place(vm, to)
}

/** What the proposal says; after it was done there is nothing left to propose. */
function settled(cluster: Cluster, options: RebalanceOptions = {}): readonly string[] {
  const proposal = proposeMoves(cluster, options)
  apply(cluster, proposal)
  expect(shown(proposeMoves(cluster, options))).toEqual([])
  return shown(proposal)
}

describe('hosts that are too full', () => {
  const full = () =>
    clusterOf(
      [host('h1'), host('h2'), host('h3')],
      [
        ...['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => [machine(name), 'h1'] as const),
        [machine('i', { milliCpu: 5000 }), 'h2'],
      ],
    )

  it('shed VMs until they are below the threshold', () => {
    const cluster = full()
    expect(settled(cluster)).toEqual(['a: h1 -> h3', 'b: h1 -> h3'])
    expect(cluster.hosts.map(loadOf).every((load) => load <= 0.8)).toBe(true)
  })

  it('say why', () => {
    expect(proposeMoves(full()).moves[0]).toMatchObject({
      reason: 'Overloaded',
      message: 'h1 has 100 % of its CPU requested, more than 80 %; h3 will have 13 % requested',
    })
  })

  it('change nothing by being asked', () => {
    const cluster = full()
    proposeMoves(cluster)
    expect(cluster.placesOf('uid-a')).toEqual(['h1'])
  })

  it('keep to the budget', () => {
    expect(shown(proposeMoves(full(), { budget: 1 }))).toEqual(['a: h1 -> h3'])
  })

  it('move the least important first', () => {
    const cluster = full()
    cluster.place(machine('a', { priority: 10 }), 'h1')
    expect(settled(cluster)).toEqual(['b: h1 -> h3', 'c: h1 -> h3'])
  })

  it('keep what would only move the trouble, and say so', () => {
    const cluster = clusterOf(
      [host('h1'), host('h2')],
      [
        [machine('a', { milliCpu: 7000 }), 'h1'],
        [machine('b', { milliCpu: 2000 }), 'h2'],
      ],
    )
    const { moves, stuck } = proposeMoves(cluster)
    expect(moves).toEqual([])
    expect(stuck.map(({ message }) => message)).toEqual([
      'h1 has 88 % of its CPU requested, more than 80 %; no node that is fit for it would stay below 75 %',
    ])
  })

  it('leave alone what was moved just now, what is fixed and what is being moved', () => {
    const options = {
      now: 60_000,
      restMs: 600_000,
      movedAt: ({ name }: { name: string }) => (name === 'a' ? 50_000 : null),
    }
    expect(shown(proposeMoves(full(), options))).toEqual(['b: h1 -> h3', 'c: h1 -> h3'])
    expect(proposeMoves(full(), options).stuck[0]?.message).toMatch(/it was moved 10 s ago and rests for 600 s/)
    expect(shown(proposeMoves(full(), { fixed: ({ name }) => (name < 'd' ? 'has a device' : null) }))).toEqual([
      'd: h1 -> h3',
      'e: h1 -> h3',
    ])
    const cluster = full()
    cluster.alsoPlace(machine('a'), 'h3')
    expect(shown(proposeMoves(cluster))).toEqual(['b: h1 -> h3', 'c: h1 -> h3'])
  })

  it('keep VMs that others must be near', () => {
    const cluster = clusterOf(
      [host('h1'), host('h2')],
      [
        [machine('db', { labels: { app: 'db' }, milliCpu: 4000 }), 'h1'],
        [machine('web', { near: [app('db')], milliCpu: 3000, memoryBytes: 2 * GIB }), 'h1'],
      ],
    )
    const { moves, stuck } = proposeMoves(cluster)
    expect(moves).toEqual([])
    expect(stuck.map(({ vm }) => vm.name).sort()).toEqual(['db', 'web'])
  })
})

describe('rules that a host breaks by now', () => {
  it('move VMs off a taint, a changed label, and rivals', () => {
    const cluster = clusterOf(
      [
        host('h1', { taints: [{ key: 'gpu', effect: 'NoSchedule' }] }),
        host('h2', { labels: { disk: 'ssd' } }),
        host('h3'),
      ],
      [
        [machine('tainted'), 'h1'],
        [machine('ssd', { nodeSelector: { disk: 'ssd' } }), 'h3'],
        [machine('rival1', { labels: { app: 'r' }, apart: [app('r')] }), 'h2'],
        [machine('rival2', { labels: { app: 'r' }, apart: [app('r')] }), 'h2'],
      ],
    )
    expect([...settled(cluster)].sort()).toEqual(['rival1: h2 -> h3', 'ssd: h3 -> h2', 'tainted: h1 -> h3'])
  })

  it('say what is broken', () => {
    const cluster = clusterOf(
      [host('h1'), host('h2', { labels: { a: 'b' } })],
      [[machine('vm', { nodeSelector: { a: 'b' } }), 'h1']],
    )
    expect(proposeMoves(cluster).moves[0]).toMatchObject({
      reason: 'RuleBroken',
      message: "the VM's nodeSelector asks for a=b, the node has no label a; h2 will have 13 % requested",
    })
  })

  it('tell of VMs that have nowhere to go', () => {
    const cluster = clusterOf([host('h1'), host('h2')], [[machine('vm', { nodeSelector: { a: 'b' } }), 'h1']])
    expect(proposeMoves(cluster)).toMatchObject({
      moves: [],
      stuck: [{ node: 'h1', message: expect.stringMatching(/has no label a; no other node is fit for it$/) }],
    })
  })

  it('leave alone what a host that is not ready could not send', () => {
    const cluster = clusterOf(
      [host('h1', { notReady: 'its lease ran out', taints: [{ key: 'a', effect: 'NoExecute' }] }), host('h2')],
      [[machine('vm'), 'h1']],
    )
    const { moves, stuck } = proposeMoves(cluster)
    expect(moves).toEqual([])
    expect(stuck[0]?.message).toMatch(/; its node is not ready: its lease ran out$/)
  })

  it('leave a cordoned host alone', () => {
    expect(settled(clusterOf([host('h1', { unschedulable: true }), host('h2')], [[machine('vm'), 'h1']]))).toEqual([])
  })
})
