import { describe, expect, it } from 'vitest'
import { finalizersAreKnown, type Namespace } from '../../../../schemas/core/namespace.ts'
import { taintsAreUnique } from '../../../../schemas/core/node-rules.ts'
import { EVENT, type Event, NAMESPACE, NODE, type Node } from '../../../../schemas/index.ts'
import { admit } from '../../../support/validate.ts'
import { checkRules } from '../expect.ts'
import { metadata } from '../samples.ts'

const node = (spec: Node['spec']): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: metadata('h1'),
  ...(spec && { spec }),
})
const namespace = (finalizers?: readonly string[]): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: metadata('team'),
  ...(finalizers && { spec: { finalizers } }),
})

checkRules<Node>([
  {
    rule: taintsAreUnique,
    good: [
      [node(undefined)],
      [
        node({
          taints: [
            { key: 'a', effect: 'NoSchedule' },
            { key: 'a', effect: 'NoExecute' },
          ],
        }),
      ],
    ],
    bad: [
      [
        node({
          taints: [
            { key: 'a', effect: 'NoSchedule' },
            { key: 'a', value: 'b', effect: 'NoSchedule' },
          ],
        }),
        'spec.taints[1]',
        /a:NoSchedule is listed twice/,
      ],
    ],
  },
])

checkRules<Namespace>([
  {
    rule: finalizersAreKnown,
    good: [[namespace()], [namespace(['kubernetes'])]],
    bad: [[namespace(['kubernetes', 'x/y']), 'spec.finalizers[1]', /is not built yet in Berth$/]],
  },
])

describe('a namespace', () => {
  it('gets a label with its name', () => {
    expect(admit(NAMESPACE, namespace()).object.metadata.labels).toEqual({ 'kubernetes.io/metadata.name': 'team' })
  })

  it('keeps other labels and cannot take another name there', () => {
    const labels = { a: 'b', 'kubernetes.io/metadata.name': 'wrong' }
    const { object } = admit(NAMESPACE, { ...namespace(), metadata: { ...metadata('team'), labels } })
    expect(object.metadata.labels).toEqual({ a: 'b', 'kubernetes.io/metadata.name': 'team' })
  })

  it('waits for a generated name', () => {
    const unnamed = { ...namespace(), metadata: { generateName: 'team-' } }
    expect(admit(NAMESPACE, unnamed).object.metadata).toEqual({ generateName: 'team-' })
  })
})

describe('field selectors', () => {
  it('select nodes by whether they take VMs', () => {
    const read = NODE.selectableFields?.['spec.unschedulable']
    expect([read?.(node({ unschedulable: true })), read?.(node(undefined))]).toEqual(['true', 'false'])
  })

  it('select events by their object, reason and source', () => {
    const event: Event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: metadata('e'),
      involvedObject: { kind: 'VirtualMachine', name: 'vm', namespace: 'default', uid: 'u', apiVersion: 'g/v' },
      reason: 'Started',
      type: 'Normal',
      source: { component: 'berth-agent' },
    }
    const fields = Object.entries(EVENT.selectableFields ?? {}).map(([path, read]) => [path, read(event)])
    expect(Object.fromEntries(fields)).toEqual({
      'involvedObject.kind': 'VirtualMachine',
      'involvedObject.namespace': 'default',
      'involvedObject.name': 'vm',
      'involvedObject.uid': 'u',
      'involvedObject.apiVersion': 'g/v',
      'involvedObject.resourceVersion': '',
      'involvedObject.fieldPath': '',
      reason: 'Started',
      reportingComponent: '',
      source: 'berth-agent',
      type: 'Normal',
    })
  })
})
