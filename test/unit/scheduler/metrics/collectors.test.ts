import { expect, test } from 'vitest'
import { Samples } from '../../../../lib/metrics/samples.ts'
import type { Reader } from '../../../../lib/reconcile/reader.ts'
import { Waits } from '../../../../scheduler/controllers/virtualmachine/waits.ts'
import { MOVING, MOVING_VMS } from '../../../../scheduler/indexes.ts'
import type { RulerState } from '../../../../scheduler/links/ruler.ts'
import { CLUSTER_METRICS } from '../../../../scheduler/metrics/catalogue.ts'
import { clusterCollector, hostState } from '../../../../scheduler/metrics/collectors.ts'
import type { Node } from '../../../../schemas/index.ts'
import { NODES } from '../../../../schemas/resources.ts'

const node = (conditions: Readonly<Record<string, string>>, unschedulable?: boolean, reason = 'Any') =>
  ({
    spec: unschedulable === undefined ? {} : { unschedulable },
    status: {
      conditions: Object.entries(conditions).map(([type, status]) => ({
        type,
        status,
        reason,
        message: '',
        lastTransitionTime: '',
      })),
    },
  }) as unknown as Node

test.each([
  ['ready', node({ Ready: 'True' })],
  ['cordoned', node({ Ready: 'True' }, true)],
  ['unready', node({ Ready: 'False' }, true)],
  ['unready', node({})],
  ['unready', null],
  ['lost', node({ Ready: 'True', HostDead: 'Unknown' })],
  ['dead', node({ Ready: 'Unknown', HostDead: 'True' })],
] as const)('a host is %s', (state, one) => {
  expect(hostState(one)).toBe(state)
})

interface Facts {
  readonly state?: RulerState
  readonly nodes?: Readonly<Record<string, Node>>
  readonly moving?: readonly string[]
  readonly waits?: Waits
}

function scrape({ state = { kind: 'ruling' }, nodes = {}, moving = [], waits = new Waits() }: Facts): string[] {
  const sink = new Samples()
  const vms = moving.map((phase) => ({ status: { berth: { migration: { phase } } } }))
  const reader = {
    get: (resource: string, { name }: { readonly name: string }) =>
      (resource === NODES ? nodes[name] : undefined) ?? null,
    byIndex: (index: string, value: string) => (index === MOVING_VMS && value === MOVING ? vms : []),
  } as unknown as Reader
  const agents = { view: (name: string) => ({ inSync: name !== 'h3' }) as never }
  const hosting = { ruler: { state }, agents, machines: { waits } }
  void clusterCollector({ reader, members: { nodes: () => Object.keys(nodes) }, hosting }).collect(
    sink,
    new AbortController().signal,
  )
  return CLUSTER_METRICS.flatMap((def) => sink.linesOf(def))
}

test('a scrape tells who rules, what hosts and links are, who waits and what moves', () => {
  const waits = new Waits()
  for (const [key, reason] of [
    ['a', 'Memory'],
    ['b', 'Memory'],
    ['c', 'Frozen'],
  ] as const)
    waits.set(key, reason)
  waits.begin('d')
  waits.begin('a')
  waits.change('gone', 'Cpu')
  waits.end('c')
  const nodes = {
    h1: node({ Ready: 'True' }),
    h2: node({ Ready: 'True' }),
    h3: node({ Ready: 'Unknown', HostDead: 'Unknown' }),
  }
  expect(scrape({ nodes, waits, moving: ['Transferring', 'Preparing', 'Cleaned', 'Transferring'] })).toEqual([
    'berth_scheduler_rule{state="claiming"} 0',
    'berth_scheduler_rule{state="ruling"} 1',
    'berth_scheduler_rule{state="superseded"} 0',
    'berth_scheduler_rule{state="outdated"} 0',
    'berth_machines_waiting{reason="Memory"} 2',
    'berth_machines_waiting{reason="Undecided"} 1',
    'berth_hosts{state="dead"} 0',
    'berth_hosts{state="lost"} 1',
    'berth_hosts{state="unready"} 0',
    'berth_hosts{state="cordoned"} 0',
    'berth_hosts{state="ready"} 2',
    'berth_agent_links{state="up"} 2',
    'berth_agent_links{state="down"} 1',
    'berth_migrations_running{phase="Transferring"} 2',
    'berth_migrations_running{phase="Preparing"} 1',
    'berth_failover_frozen 0',
  ])
})

test('a scheduler that is superseded, and a failover that is frozen, are seen', () => {
  const frozen = node({ HostDead: 'Unknown' }, false, 'FailoverFrozen')
  const lines = scrape({ state: { kind: 'superseded', message: 'another' }, nodes: { h1: frozen } })
  expect(lines).toContain('berth_scheduler_rule{state="superseded"} 1')
  expect(lines).toContain('berth_scheduler_rule{state="ruling"} 0')
  expect(lines).toContain('berth_failover_frozen 1')
})
