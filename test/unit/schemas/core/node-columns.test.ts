// What `kubectl get nodes` shows: the same words as for a node of Kubernetes.
import { expect, it } from 'vitest'
import { TablePrinter } from '../../../../lib/apiserver/http/table.ts'
import { NODE } from '../../../../schemas/core/node.ts'

const [version] = NODE.versions
if (version === undefined) throw new Error('a Node has a version')
const printer = new TablePrinter(version)
const AT = Date.parse('2026-01-01T00:01:00Z')

function shown(more: object, labels: Record<string, string> = {}): unknown[] {
  const metadata = { name: 'h1', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', labels }
  const node = { apiVersion: 'v1', kind: 'Node', metadata, ...more }
  const { cells } = printer.row(node, 'None', AT)
  return cells as unknown[]
}

const told = (status: string, more: object = {}) => ({
  status: {
    conditions: [{ type: 'Ready', status, reason: 'R', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    allocatable: { cpu: '4', memory: '8Gi' },
    nodeInfo: { kubeletVersion: '0.1.0' },
  },
  ...more,
})

it('has the columns of a node, and its capacity', () => {
  const { columnDefinitions } = printer.head({}) as { readonly columnDefinitions: { name: string; priority: number }[] }
  expect(columnDefinitions.flatMap(({ name, priority }) => (priority === 0 ? name : []))).toEqual([
    'Name',
    'Status',
    'Roles',
    'CPU',
    'Memory',
    'Age',
    'Version',
  ])
  expect(shown(told('True')).slice(0, 7)).toEqual(['h1', 'Ready', '<none>', '4', '8Gi', '60s', '0.1.0'])
})

it.each([
  ['Ready', told('True')],
  ['NotReady', told('False')],
  ['NotReady', told('Unknown')],
  ['Unknown', {}],
  ['Ready,SchedulingDisabled', told('True', { spec: { unschedulable: true } })],
  ['NotReady,SchedulingDisabled', told('Unknown', { spec: { unschedulable: true } })],
])('says %s of a host', (words, node) => {
  expect(shown(node)[1]).toBe(words)
})

it('names the roles that its labels give it, in one order', () => {
  const labels = {
    'node-role.kubernetes.io/web': '',
    'node-role.kubernetes.io/db': 'true',
    'kubernetes.io/os': 'linux',
  }
  expect(shown(told('True'), labels)[2]).toBe('db,web')
})
