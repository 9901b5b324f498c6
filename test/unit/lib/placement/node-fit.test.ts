import { describe, expect, it } from 'vitest'
import { fitsNode } from '../../../../lib/placement/node-fit.ts'
import type { CandidateNode, ClassPlacement, Labels, NeighbourTerm, PlacedVm } from '../../../../lib/placement/types.ts'
import type { Node } from '../../../../schemas/index.ts'
import { metadata, virtualMachine, virtualMachineClass } from '../../schemas/samples.ts'

type Spec = PlacedVm['spec']

it('takes API objects as they are', () => {
  const host: Node = { apiVersion: 'v1', kind: 'Node', metadata: metadata('h1'), spec: { unschedulable: true } }
  const candidate = virtualMachine({ nodeSelector: { a: 'b' } })
  expect(fitsNode(candidate, virtualMachineClass({}).spec, host, [candidate])).toHaveLength(2)
})

const node = (labels: Labels = {}, spec: NonNullable<CandidateNode['spec']> = {}): CandidateNode => ({
  metadata: { name: 'h1', labels: { 'kubernetes.io/hostname': 'h1', ...labels } },
  spec,
})
const vm = (spec: Spec = {}, labels: Labels = {}, name = 'new', namespace = 'default'): PlacedVm => ({
  metadata: { name, namespace, uid: `uid-${namespace}-${name}`, labels },
  spec,
})
const requiring = (key: string, operator: string, ...values: string[]): Spec => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key, operator, values }] }],
      },
    },
  },
})

interface Row {
  readonly title: string
  readonly vm?: PlacedVm
  readonly of?: ClassPlacement
  readonly node?: CandidateNode
  readonly others?: readonly PlacedVm[]
  /** Empty for a fit. */
  readonly reasons: readonly RegExp[]
}

function checkRows(rows: readonly Row[]): void {
  it.each(rows)('$title', ({ vm: candidate = vm(), of = {}, node: host = node(), others = [], reasons }) => {
    const found = fitsNode(candidate, of, host, others)
    expect(found).toHaveLength(reasons.length)
    for (const [index, reason] of reasons.entries()) expect(found[index]).toMatch(reason)
  })
}

describe('node selectors', () => {
  const a = { 'node/a': '1' }
  checkRows([
    { title: 'nothing asked for', reasons: [] },
    { title: 'a node without labels', node: { metadata: { name: 'h1' } }, reasons: [] },
    { title: 'met', vm: vm({ nodeSelector: a }), node: node(a), reasons: [] },
    { title: 'missing', vm: vm({ nodeSelector: a }), reasons: [/asks for node\/a=1, the node has no label node\/a$/] },
    {
      title: 'different',
      vm: vm({ nodeSelector: a }),
      node: node({ 'node/a': '2' }),
      reasons: [/asks for node\/a=1, the node has node\/a=2$/],
    },
    {
      title: 'names of prototypes are no labels',
      vm: vm({ nodeSelector: { toString: 'x' } }),
      reasons: [/no label toString/],
    },
    { title: 'class met', of: { nodeSelector: { matchLabels: a } }, node: node(a), reasons: [] },
    {
      title: 'class missing',
      of: { nodeSelector: { matchLabels: a } },
      reasons: [/VM's class asks for node\/a In \(1\)/],
    },
    {
      title: 'class by expression',
      of: { nodeSelector: { matchExpressions: [{ key: 'gpu', operator: 'Exists' }] } },
      reasons: [/VM's class asks for gpu Exists, the node has no label gpu/],
    },
    {
      title: "the VM's value counts before the class's",
      vm: vm({ nodeSelector: { 'node/a': '2' } }),
      of: { nodeSelector: { matchLabels: a } },
      node: node({ 'node/a': '2' }),
      reasons: [],
    },
  ])
})

describe('node affinity', () => {
  const labels = { zone: 'b', cores: '16', odd: 'many' }
  const fits = (key: string, operator: string, ...values: string[]): Row => ({
    title: `${key} ${operator} ${values}`,
    vm: vm(requiring(key, operator, ...values)),
    node: node(labels),
    reasons: [],
  })
  const refuses = (key: string, operator: string, ...values: string[]): Row => ({
    ...fits(key, operator, ...values),
    title: `not ${key} ${operator} ${values}`,
    reasons: [/does not match the VM's required node affinity: /],
  })
  checkRows([
    fits('zone', 'In', 'a', 'b'),
    refuses('zone', 'In', 'a'),
    refuses('none', 'In', 'a'),
    fits('zone', 'NotIn', 'a'),
    fits('none', 'NotIn', 'a'),
    refuses('zone', 'NotIn', 'b'),
    fits('zone', 'Exists'),
    refuses('none', 'Exists'),
    fits('none', 'DoesNotExist'),
    refuses('zone', 'DoesNotExist'),
    fits('cores', 'Gt', '15'),
    refuses('cores', 'Gt', '16'),
    refuses('odd', 'Gt', '1'),
    refuses('none', 'Gt', '1'),
    fits('cores', 'Lt', '17'),
    refuses('cores', 'Lt', '16'),
    refuses('cores', 'Lt'),
    refuses('zone', 'Like', 'b'),
  ])

  const terms = (nodeSelectorTerms: readonly object[]) =>
    vm({ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } } })
  const inZone = (zone: string) => ({ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] })
  checkRows([
    { title: 'one of several alternatives', vm: terms([inZone('a'), inZone('b')]), node: node(labels), reasons: [] },
    {
      title: 'none of several alternatives',
      vm: terms([inZone('a'), inZone('c')]),
      node: node(labels),
      reasons: [/: zone In \(a\), or zone In \(c\)$/],
    },
    { title: 'an empty alternative matches nothing', vm: terms([{}]), reasons: [/required node affinity/] },
    {
      title: 'all lines of an alternative',
      vm: terms([{ matchExpressions: [...inZone('b').matchExpressions, { key: 'none', operator: 'Exists' }] }]),
      node: node(labels),
      reasons: [/zone In \(b\) and none Exists/],
    },
    {
      title: 'the name of the node',
      vm: terms([{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['h1'] }] }]),
      reasons: [],
    },
    {
      title: 'the name of another node',
      vm: terms([{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['h2'] }] }]),
      reasons: [/metadata\.name In \(h2\)/],
    },
  ])
})

describe('taints', () => {
  const tainted = (effect: string, value?: string) =>
    node({}, { taints: [{ key: 'a', effect, ...(value !== undefined && { value }) }] })
  const with_ = (toleration: NonNullable<Spec['tolerations']>[number]) => vm({ tolerations: [toleration] })
  const refused = /has the taint a=b:NoSchedule, which the VM does not tolerate/
  checkRows([
    { title: 'NoSchedule', node: tainted('NoSchedule', 'b'), reasons: [refused] },
    { title: 'NoExecute', node: tainted('NoExecute'), reasons: [/taint a:NoExecute/] },
    { title: 'PreferNoSchedule keeps nobody off', node: tainted('PreferNoSchedule'), reasons: [] },
    { title: 'equal', node: tainted('NoSchedule', 'b'), vm: with_({ key: 'a', value: 'b' }), reasons: [] },
    {
      title: 'equal by name',
      node: tainted('NoSchedule', 'b'),
      vm: with_({ key: 'a', operator: 'Equal', value: 'b', effect: 'NoSchedule' }),
      reasons: [],
    },
    { title: 'equal without values', node: tainted('NoSchedule'), vm: with_({ key: 'a' }), reasons: [] },
    {
      title: 'another value',
      node: tainted('NoSchedule', 'b'),
      vm: with_({ key: 'a', value: 'c' }),
      reasons: [refused],
    },
    { title: 'another key', node: tainted('NoSchedule', 'b'), vm: with_({ key: 'x', value: 'b' }), reasons: [refused] },
    {
      title: 'another effect',
      node: tainted('NoSchedule', 'b'),
      vm: with_({ key: 'a', value: 'b', effect: 'NoExecute' }),
      reasons: [refused],
    },
    { title: 'any value', node: tainted('NoSchedule', 'b'), vm: with_({ key: 'a', operator: 'Exists' }), reasons: [] },
    { title: 'everything', node: tainted('NoSchedule', 'b'), vm: with_({ operator: 'Exists' }), reasons: [] },
    { title: 'no key, no operator', node: tainted('NoSchedule', 'b'), vm: with_({}), reasons: [refused] },
    {
      title: 'tolerated by the class',
      node: tainted('NoSchedule', 'b'),
      of: { tolerations: [{ key: 'a', operator: 'Exists' }] },
      reasons: [],
    },
    { title: 'cordoned', node: node({}, { unschedulable: true }), reasons: [/^the node is cordoned$/] },
    {
      title: 'cordon tolerated',
      node: node({}, { unschedulable: true }),
      vm: with_({ key: 'node.kubernetes.io/unschedulable', operator: 'Exists' }),
      reasons: [],
    },
  ])
})

describe('neighbours', () => {
  const web = { matchLabels: { app: 'web' } }
  const host = 'kubernetes.io/hostname'
  const near = (...terms: NeighbourTerm[]): Spec => ({
    affinity: { virtualMachineAndPodAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  })
  const apart = (...terms: NeighbourTerm[]): Spec => ({
    affinity: { virtualMachineAndPodAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } },
  })
  const term = (more: Partial<NeighbourTerm> = {}): NeighbourTerm => ({
    topologyKey: host,
    labelSelector: web,
    ...more,
  })
  const webVm = vm({}, { app: 'web' }, 'web')
  const elsewhere = vm({}, { app: 'web' }, 'web', 'team')
  const missing = /no VM on the node is one that the VM must be near/
  const unwanted = /must not be near default\/web, which is on the node/

  checkRows([
    { title: 'near one that is there', vm: vm(near(term())), others: [webVm], reasons: [] },
    { title: 'near one that is not there', vm: vm(near(term())), others: [vm({}, {}, 'db')], reasons: [missing] },
    { title: 'near its own kind, the first of them', vm: vm(near(term()), { app: 'web' }), reasons: [] },
    {
      title: 'near outside all domains',
      vm: vm(near(term({ topologyKey: 'zone' }))),
      others: [webVm],
      reasons: [/no label zone/],
    },
    {
      title: 'near: two terms, one missing',
      vm: vm(near(term(), term({ labelSelector: { matchLabels: { app: 'db' } } }))),
      others: [webVm],
      reasons: [missing],
    },
    { title: 'apart from one that is there', vm: vm(apart(term())), others: [webVm], reasons: [unwanted] },
    { title: 'apart from one that is not there', vm: vm(apart(term())), others: [vm({}, {}, 'db')], reasons: [] },
    {
      title: 'apart from itself is no contradiction',
      vm: vm(apart(term()), { app: 'web' }),
      others: [vm(apart(term()), { app: 'web' })],
      reasons: [],
    },
    { title: 'apart outside all domains', vm: vm(apart(term({ topologyKey: 'zone' }))), others: [webVm], reasons: [] },
    {
      title: 'the other wants to be apart',
      vm: vm({}, { app: 'web' }),
      others: [vm(apart(term()), {}, 'db')],
      reasons: [/default\/db is on the node and must not be near the VM/],
    },
    {
      title: 'the other is apart from someone else',
      vm: vm({}, { app: 'db' }),
      others: [vm(apart(term()), {}, 'db')],
      reasons: [],
    },
    { title: 'no selector selects nobody', vm: vm(apart({ topologyKey: host })), others: [webVm], reasons: [] },
    {
      title: 'an empty selector selects everybody',
      vm: vm(apart(term({ labelSelector: {} }))),
      others: [webVm],
      reasons: [unwanted],
    },
    { title: 'other namespaces are left out', vm: vm(apart(term())), others: [elsewhere], reasons: [] },
    {
      title: 'a listed namespace',
      vm: vm(apart(term({ namespaces: ['team'] }))),
      others: [elsewhere],
      reasons: [/near team\/web/],
    },
    {
      title: 'a listed namespace leaves out the own',
      vm: vm(apart(term({ namespaces: ['team'] }))),
      others: [webVm],
      reasons: [],
    },
    {
      title: 'all namespaces',
      vm: vm(apart(term({ namespaceSelector: {} }))),
      others: [elsewhere],
      reasons: [/near team\/web/],
    },
    {
      title: 'a namespace by its name label',
      vm: vm(apart(term({ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'team' } } }))),
      others: [elsewhere, webVm],
      reasons: [/near team\/web/],
    },
    {
      title: 'only those of the same release',
      vm: vm(apart(term({ matchLabelKeys: ['release', 'absent'] })), { release: '1' }),
      others: [vm({}, { app: 'web', release: '2' }, 'web')],
      reasons: [],
    },
    {
      title: 'only those of another release',
      vm: vm(apart(term({ mismatchLabelKeys: ['release'] })), { release: '1' }),
      others: [vm({}, { app: 'web', release: '1' }, 'same'), vm({}, { app: 'web', release: '2' }, 'web')],
      reasons: [unwanted],
    },
  ])

  it('asks for the labels of namespaces', () => {
    const candidate = vm(apart(term({ namespaceSelector: { matchLabels: { tier: 'gold' } } })))
    const labelsOf = (namespace: string): Labels => (namespace === 'team' ? { tier: 'gold' } : {})
    expect(fitsNode(candidate, {}, node(), [elsewhere])).toEqual([])
    expect(fitsNode(candidate, {}, node(), [elsewhere], labelsOf)).toHaveLength(1)
  })
})

describe('spread', () => {
  const spread = (topologyKey: string, whenUnsatisfiable: string) =>
    vm({ topologySpreadConstraints: [{ topologyKey, whenUnsatisfiable }] })
  checkRows([
    { title: 'in the only domain', vm: spread('kubernetes.io/hostname', 'DoNotSchedule'), reasons: [] },
    { title: 'outside all domains', vm: spread('zone', 'DoNotSchedule'), reasons: [/no label zone.*topologySpread/] },
    { title: 'outside all domains, if need be', vm: spread('zone', 'ScheduleAnyway'), reasons: [] },
  ])
})

it('says all reasons', () => {
  const candidate = vm({ nodeSelector: { a: '1' }, ...requiring('zone', 'Exists') })
  expect(fitsNode(candidate, {}, node({}, { unschedulable: true }), [])).toHaveLength(3)
})
