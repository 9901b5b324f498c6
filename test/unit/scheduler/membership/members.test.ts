// Clients of agents: those of joined hosts, kept until address or certificate change.
import { expect, it } from 'vitest'
import type { KubeObject } from '../../../../lib/object.ts'
import type { Change } from '../../../../lib/store/store.ts'
import { Members } from '../../../../scheduler/membership/members.ts'
import { AGENT_URL } from '../../../../scheduler/membership/node-record.ts'

const nodeAt = (name: string, url?: string) =>
  ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: name, ...(url === undefined ? {} : { annotations: { [AGENT_URL]: url } }) },
  }) as unknown as KubeObject

function world(...nodes: KubeObject[]) {
  const all = new Map(nodes.map((node) => [node.metadata.name, node]))
  const changes: ((change: Change) => void)[] = []
  const renewals: (() => void)[] = []
  const members = new Members({
    reader: {
      get: <T>(_resource: string, { name }: { name: string }) => (all.get(name) ?? null) as T | null,
      list: <T>() => [...all.values()] as unknown as readonly T[],
      onChange: (listener) => {
        changes.push(listener)
        return () => undefined
      },
    },
    authority: {
      credentials: { key: '', cert: '', ca: '' },
      onChange: (listener) => {
        renewals.push(listener)
        return () => undefined
      },
    },
    version: '1',
  })
  const put = (node: KubeObject) => {
    const previous = all.get(node.metadata.name) ?? null
    all.set(node.metadata.name, node)
    const key = { resource: 'nodes', namespace: '', name: node.metadata.name }
    const change = { type: 'put', previous, entry: { key, value: node } } as unknown as Change
    for (const tell of changes) tell(change)
  }
  const renew = () => {
    for (const tell of renewals) tell()
  }
  return { members, put, renew }
}

it('knows only hosts that have joined', () => {
  const { members } = world(nodeAt('h1', 'https://10.0.0.1:8750'), nodeAt('h2'))
  expect(members.nodes()).toEqual(['h1'])
  expect(members.urlOf('h2')).toBeNull()
  expect(members.clientFor('h2')).toBeNull()
  expect(members.clientFor('h3')).toBeNull()
  expect(members.clientFor('h1')?.target).toMatchObject({
    origin: 'https://10.0.0.1:8750',
    tls: { servername: 'h1.node.cluster.berth' },
  })
})

it('keeps a client until the address or the certificate is another one, and tells of that', () => {
  const { members, put, renew } = world(nodeAt('h1', 'https://10.0.0.1:8750'))
  const heard: string[] = []
  members.onChange((node) => heard.push(node))
  const first = members.clientFor('h1')
  expect(members.clientFor('h1')).toBe(first)
  put(nodeAt('h1', 'https://10.0.0.1:8750'))
  expect(heard).toEqual([])
  put(nodeAt('h1', 'https://10.0.0.9:8750'))
  expect(heard).toEqual(['h1'])
  const second = members.clientFor('h1')
  expect(second?.target.origin).toBe('https://10.0.0.9:8750')
  renew()
  expect(heard).toEqual(['h1', 'h1'])
  expect(members.clientFor('h1')).not.toBe(second)
  put(nodeAt('h1'))
  expect(heard).toEqual(['h1', 'h1', 'h1'])
  expect(members.clientFor('h1')).toBeNull()
})
