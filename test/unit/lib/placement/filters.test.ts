// Rules that a host which is alone does not have; those about labels and taints are in node-fit.test.ts, about disks in storage-filter.test.ts.
import { describe, expect, it } from 'vitest'
import { decide, explain, type NodeFacts, type VmFacts } from '../../../../lib/placement/index.ts'
import type { SpreadConstraint } from '../../../../lib/placement/types.ts'
import { checkRows } from './filter-rows.ts'
import { app, clusterOf, GIB, HOSTNAME, host, machine, ZONE } from './world.ts'

describe('readiness', () => {
  checkRows([
    { title: 'ready', reasons: [] },
    {
      title: 'not ready',
      host: { notReady: 'its lease ran out 20 s ago' },
      reasons: ['the node is not ready: its lease ran out 20 s ago'],
    },
  ])
})

describe('what was asked for', () => {
  const only = { nodes: new Set(['h2']), words: 'the operation names h2' }
  checkRows([
    { title: 'another host alone', ask: { only }, reasons: ['the operation names h2'] },
    { title: 'this host alone', ask: { only: { ...only, nodes: new Set(['h1']) } }, reasons: [] },
    { title: 'not this one', ask: { not: new Map([['h1', 'no room']]) }, reasons: ['no room'] },
    { title: 'not another one', ask: { not: new Map([['h2', 'no room']]) }, reasons: [] },
    {
      title: 'one that has something of it still',
      ask: { leaving: new Set(['h1']) },
      reasons: ['the VM has left the node, which has not yet removed all that it had of it'],
    },
    { title: 'another one has something of it still', ask: { leaving: new Set(['h2']) }, reasons: [] },
    { title: 'a migration from it', ask: { migrate: true, current: 'h1' }, reasons: ['the VM is there now'] },
    { title: 'a migration from elsewhere', ask: { migrate: true, current: 'h2' }, reasons: [] },
    {
      title: 'labels that it does not have',
      ask: { nodeSelector: { a: 'b' } },
      reasons: ['the operation asks for a=b, which the node does not have'],
    },
    { title: 'labels that it has', ask: { nodeSelector: { a: 'b' } }, host: { labels: { a: 'b' } }, reasons: [] },
  ])
})

describe('CPU models and features', () => {
  const model = { 'cpu-model.node.virtualization.deckhouse.io/Nehalem': 'true' }
  const features = { 'cpu-feature.node.virtualization.deckhouse.io/aes': 'true' }
  const own = { 'host-model-cpu.node.virtualization.deckhouse.io/Skylake': 'true' }
  checkRows([
    { title: 'the model runs', vm: { cpu: { model: 'Nehalem' } }, host: { labels: model }, reasons: [] },
    {
      title: 'the model does not run',
      vm: { cpu: { model: 'EPYC' } },
      host: { labels: model },
      reasons: ['the CPU model EPYC does not run on the node'],
    },
    { title: 'all features', vm: { cpu: { features: ['aes'] } }, host: { labels: features }, reasons: [] },
    {
      title: 'features are missing',
      vm: { cpu: { features: ['aes', 'avx', 'vmx'] } },
      host: { labels: features },
      reasons: ["the node's CPU lacks avx, vmx"],
    },
    { title: 'the same CPU', vm: { cpu: { hostModel: 'Skylake' } }, host: { labels: own }, reasons: [] },
    {
      title: 'another CPU',
      vm: { cpu: { hostModel: 'EPYC' } },
      host: { labels: own },
      reasons: ['the VM runs with the CPU of its host (EPYC), and the node has another one'],
    },
  ])
})

it('names features that are missing also in the sentence about all hosts, three at most', () => {
  const cluster = clusterOf([host('h1'), host('h2')])
  const said = (features: readonly string[]) => {
    const decision = decide(cluster, { vm: machine('new', { cpu: { features } }) })
    return decision.message
  }
  expect(said(['avx'])).toBe('0/2 nodes: 2 without the CPU feature avx')
  expect(said(['aes', 'avx', 'vmx', 'x2apic', 'xsave'])).toBe(
    '0/2 nodes: 2 without the CPU features aes, avx, vmx and 2 more',
  )
})

describe('accelerator', () => {
  checkRows([
    { title: 'KVM', vm: { cpu: { accelerator: 'kvm' } }, reasons: [] },
    {
      title: 'no KVM',
      vm: { cpu: { accelerator: 'kvm' } },
      host: { accelerator: 'qemu' },
      reasons: ["the VM needs KVM, the node's accelerator is emulation"],
    },
    {
      title: 'not known',
      vm: { cpu: { accelerator: 'kvm' } },
      host: { accelerator: null },
      reasons: ["the VM needs KVM, the node's accelerator is not known"],
    },
    {
      title: 'emulated machines move to emulation',
      vm: { cpu: { accelerator: 'qemu' } },
      reasons: ["the VM runs emulated, the node's accelerator is KVM"],
    },
    { title: 'any', host: { accelerator: null }, reasons: [] },
  ])
})

describe('TPM', () => {
  checkRows([
    { title: 'there', vm: { tpm: true }, reasons: [] },
    {
      title: 'not there',
      vm: { tpm: true },
      host: { tpm: false },
      reasons: ['the VM has a TPM, and the node has no swtpm to emulate one'],
    },
    { title: 'not asked for', host: { tpm: false }, reasons: [] },
  ])
})

describe('CPU and memory', () => {
  checkRows([
    { title: 'exactly enough', vm: { milliCpu: 8000, memoryBytes: 16 * GIB }, reasons: [] },
    {
      title: 'too little of both',
      vm: { milliCpu: 8001, memoryBytes: 16 * GIB + 1 },
      reasons: [
        'not enough CPU: needs 8.001 cores, 8 cores of 8 cores free',
        'not enough memory: needs 16 GiB, 16 GiB of 16 GiB free',
      ],
    },
    {
      title: 'nothing of nothing',
      vm: { milliCpu: 0, memoryBytes: 0 },
      host: { milliCpu: 0, memoryBytes: 0 },
      reasons: [],
    },
  ])

  it('counts what others have', () => {
    const cluster = clusterOf([host('h1')], [[machine('a', { milliCpu: 7500 }), 'h1']])
    const [verdict] = explain(cluster, { vm: machine('b') })
    expect(verdict?.fit === false && verdict.reasons[0]?.words).toBe(
      'not enough CPU: needs 1 core, 0.5 cores of 8 cores free',
    )
  })
})

describe('devices', () => {
  const gpu = (count: number): Partial<VmFacts> => ({ devices: [{ name: 'gpu/a100', count }] })
  const devices = new Map([['gpu/a100', 2]])
  checkRows([
    { title: 'enough', vm: gpu(2), host: { devices }, reasons: [] },
    { title: 'too few', vm: gpu(3), host: { devices }, reasons: ['not enough devices gpu/a100: needs 3, 2 of 2 free'] },
    { title: 'none', vm: gpu(1), reasons: ['not enough devices gpu/a100: needs 1, 0 of 0 free'] },
  ])

  it('counts what others have', () => {
    const cluster = clusterOf([host('h1', { devices })], [[machine('a', gpu(1)), 'h1']])
    expect(explain(cluster, { vm: machine('b', gpu(2)) })[0]?.fit).toBe(false)
    cluster.release('uid-a')
    expect(explain(cluster, { vm: machine('b', gpu(2)) })[0]?.fit).toBe(true)
  })
})

describe('topology spread', () => {
  const inZone = (name: string, zone: string | null, more: Partial<NodeFacts> = {}) =>
    host(name, { ...more, labels: { ...(zone === null ? {} : { [ZONE]: zone }), ...more.labels } })
  const web = (name: string, more: Partial<VmFacts> = {}) => machine(name, { labels: { app: 'web' }, ...more })
  const by = (topologyKey: string, more: Partial<SpreadConstraint> = {}): SpreadConstraint => ({
    topologyKey,
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: { app: 'web' } },
    ...more,
  })
  const hosts = [inZone('a1', 'a'), inZone('a2', 'a'), inZone('b1', 'b'), inZone('x1', null)]
  const fitting = (
    vm: VmFacts,
    placed: readonly (readonly [VmFacts, string])[],
    nodes: readonly NodeFacts[] = hosts,
  ): readonly string[] =>
    explain(clusterOf(nodes, placed), { vm })
      .flatMap(({ fit: good, node }) => (good ? node : []))
      .sort()
  const twoInA = [
    [web('1'), 'a1'],
    [web('2'), 'a2'],
  ] as const

  it.each<[string, VmFacts, readonly (readonly [VmFacts, string])[], readonly string[]]>([
    ['an empty cluster', web('new', { spread: [by(ZONE)] }), [], ['a1', 'a2', 'b1']],
    ['the emptier zone', web('new', { spread: [by(ZONE)] }), twoInA, ['b1']],
    ['a greater skew', web('new', { spread: [by(ZONE, { maxSkew: 3 })] }), twoInA, ['a1', 'a2', 'b1']],
    ['hosts', web('new', { spread: [by(HOSTNAME)] }), twoInA, ['b1', 'x1']],
    [
      'if need be',
      web('new', { spread: [by(ZONE, { whenUnsatisfiable: 'ScheduleAnyway' })] }),
      twoInA,
      ['a1', 'a2', 'b1', 'x1'],
    ],
    ['zones and hosts', web('new', { spread: [by(ZONE, { maxSkew: 3 }), by(HOSTNAME)] }), twoInA, ['b1']],
    [
      'other namespaces do not count',
      web('new', { namespace: 'other', spread: [by(ZONE)] }),
      twoInA,
      ['a1', 'a2', 'b1'],
    ],
    [
      'no selector counts nobody',
      web('new', { spread: [{ topologyKey: ZONE, whenUnsatisfiable: 'DoNotSchedule' }] }),
      twoInA,
      ['a1', 'a2', 'b1'],
    ],
    [
      'the VM itself does not count',
      machine('new', { spread: [by(ZONE, { maxSkew: 2 })] }),
      twoInA,
      ['a1', 'a2', 'b1'],
    ],
    [
      'hosts that its selector leaves out make no domain',
      web('new', { nodeSelector: { [ZONE]: 'a' }, spread: [by(ZONE)] }),
      twoInA,
      ['a1', 'a2'],
    ],
  ])('%s', (_title, vm, placed, expected) => expect(fitting(vm, placed)).toEqual(expected))

  it('does not count VMs on hosts that its selector leaves out', () => {
    const ssd = { labels: { disk: 'ssd' } }
    const nodes = [inZone('a1', 'a', ssd), inZone('a2', 'a'), inZone('b1', 'b', ssd)]
    const vm = web('new', { nodeSelector: { disk: 'ssd' }, spread: [by(ZONE)] })
    expect(
      fitting(
        vm,
        [
          [web('1'), 'a2'],
          [web('2'), 'a2'],
        ],
        nodes,
      ),
    ).toEqual(['a1', 'b1'])
  })

  it('says how far it would be off', () => {
    const verdicts = explain(clusterOf(hosts, twoInA), { vm: web('new', { spread: [by(ZONE)] }) })
    const words = new Map(verdicts.map((each) => [each.node, each.fit ? '' : each.reasons[0]?.words]))
    expect(words.get('a1')).toBe(
      'with the VM, topology.kubernetes.io/zone=a would have 3 of the VMs that topologySpreadConstraints counts, ' +
        '3 more than the emptiest domain; 1 more at most',
    )
    expect(words.get('x1')).toMatch(/^the node has no label topology.kubernetes.io\/zone/)
  })
})

describe('neighbours in zones', () => {
  const hosts = [
    host('a1', { labels: { [ZONE]: 'a' } }),
    host('a2', { labels: { [ZONE]: 'a' } }),
    host('b1', { labels: { [ZONE]: 'b' } }),
  ]
  const db = machine('db', { labels: { app: 'db' } })
  const fitting = (vm: VmFacts) =>
    explain(clusterOf(hosts, [[db, 'a1']]), { vm })
      .flatMap(({ fit: good, node }) => (good ? node : []))
      .sort()

  it('near, in the same zone', () => expect(fitting(machine('new', { near: [app('db', ZONE)] }))).toEqual(['a1', 'a2']))
  it('apart, in another zone', () => expect(fitting(machine('new', { apart: [app('db', ZONE)] }))).toEqual(['b1']))
  it('the first of its kind starts where it likes, the second beside it', () => {
    const web = (name: string) => machine(name, { labels: { app: 'web' }, near: [app('web', ZONE)] })
    expect(fitting(web('1'))).toEqual(['a1', 'a2', 'b1'])
    const verdicts = explain(clusterOf(hosts, [[web('1'), 'b1']]), { vm: web('2') })
    expect(verdicts.flatMap(({ fit: good, node }) => (good ? node : []))).toEqual(['b1'])
  })
  it('says where', () => {
    const [verdict] = explain(clusterOf(hosts.slice(1, 2), [[db, 'a2']]), {
      vm: machine('new', { apart: [app('db', ZONE)] }),
    })
    expect(verdict?.fit === false && verdict.reasons[0]?.words).toBe(
      'the VM must not be near default/db, which is in topology.kubernetes.io/zone=a (required anti-affinity)',
    )
  })
})
