// A store that is older than what became of an object: nothing is said to any host of it.
import { describe, expect, it } from 'vitest'
import { vmWishes } from '../../../../scheduler/binder/bindings.ts'
import { meaningOf, newerDisk, newerHolder } from '../../../../scheduler/binder/newer.ts'
import { planPlace, type Seen } from '../../../../scheduler/controllers/virtualmachine/plan.ts'
import type { ClusterVmStatus, HostBinding, VirtualDisk, VirtualMachine } from '../../../../schemas/index.ts'
import { VMS } from '../../../../schemas/resources.ts'

const AT = '2026-01-01T00:00:00Z'
const binding = (epoch: number, role: 'Owner' | 'Target' | 'Released', obeyed = epoch) =>
  ({ spec: { epoch, role }, status: { epoch: obeyed, phase: 'Accepted' } }) as HostBinding
const placed: ClusterVmStatus = { placement: { node: 'h1', epoch: 1, since: AT } }
const vm = (berth: ClusterVmStatus, metadata = {}) =>
  ({
    metadata: { name: 'web', namespace: 'default', uid: 'u', ...metadata },
    spec: {},
    status: { berth },
  }) as unknown as VirtualMachine
const facts = (holders: ReadonlyMap<string, HostBinding>) => ({
  ...{ resource: VMS, needs: [], failover: false, wanted: true },
  holders,
  urlOf: (node: string) => `https://${node}`,
})
const seen = (holders: ReadonlyMap<string, HostBinding>): Seen => ({
  ...{ wanted: true, holders, refusals: [], newerDisk: () => null, diskElsewhere: () => null },
  inSync: () => true,
})

const newer = new Map([
  ['h1', binding(2, 'Released')],
  ['h2', binding(2, 'Owner')],
])

describe('what a host tells of a binding', () => {
  const put = {
    metadata: { annotations: { 'berth/put-digest': 'd1' } },
    spec: { epoch: 1, role: 'Owner' },
    status: { epoch: 1 },
  } as unknown as HostBinding
  const told = (status: object, spec: object = {}, annotations: object = {}) =>
    ({
      metadata: { annotations: { ...put.metadata.annotations, ...annotations } },
      spec: { ...put.spec, ...spec },
      status: { ...put.status, ...status },
    }) as unknown as HostBinding

  it.each([
    ['that it was taken: nothing', told({ phase: 'Accepted', message: 'words' }), false],
    ['another content', told({}, {}, { 'berth/put-digest': 'd2' }), true],
    ['another role', told({}, { role: 'Released' }), true],
    ['an epoch of another scheduler', told({ epoch: 2 }), true],
    ['that it has let it go', told({ phase: 'Released' }), true],
    ['that it has none any more', null, true],
  ] as const)('decides something: %s', (_title, now, differs) => {
    expect(meaningOf(now) !== meaningOf(put)).toBe(differs)
  })
})

describe('a host with a higher epoch than the store knows', () => {
  it('is named, the one that has the object before those that let it go', () => {
    expect(newerHolder(placed, newer)).toMatchObject({ node: 'h2', epoch: 2 })
    expect(newerHolder(placed, newer)?.message).toMatch(
      /^h2 has it by epoch 2, and this database knows of epoch 1 only/,
    )
    expect(newerHolder(placed, new Map([['h1', binding(1, 'Owner', 3)]]))).toMatchObject({ epoch: 3 })
  })

  it('is told nothing, and neither is any other', () => {
    const wishes = vmWishes(vm(placed), facts(newer))
    expect([...wishes]).toEqual([
      ['h1', 'wait'],
      ['h2', 'wait'],
    ])
  })

  it.each([
    ['running', {}],
    ['being deleted', { deletionTimestamp: AT }],
  ])('is told of by its machine, %s', (_, metadata) => {
    const step = planPlace(vm(placed, metadata), seen(newer))
    expect(step).toEqual({ do: 'tell-stale', message: expect.stringContaining('h2 has it by epoch 2') })
  })
})

it('a host that was given up by an epoch that the store knows lets go', () => {
  const moved: ClusterVmStatus = { placement: { node: 'h2', epoch: 2, since: AT } }
  const holders = new Map([
    ['h1', binding(1, 'Owner')],
    ['h2', binding(2, 'Owner')],
  ])
  expect(newerHolder(moved, holders)).toBe(null)
  const wish = vmWishes(vm(moved), facts(holders)).get('h1')
  expect(wish).toMatchObject({ spec: { role: 'Released', epoch: 2 } })
})

describe('a disk of which a host has obeyed a later word', () => {
  const words = 'waits for the VirtualDisk web-root: h2 has it by epoch 2'
  const root = {
    metadata: { name: 'web-root', namespace: 'default', uid: 'd' },
    spec: {},
    status: { berth: placed },
  } as unknown as VirtualDisk
  const web = {
    ...vm(placed),
    spec: { blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'web-root' }] },
  } as unknown as VirtualMachine
  const reader = { get: (_: string, { name }: { readonly name: string }) => (name === 'web-root' ? root : null) }
  const none = new Map<string, HostBinding>()
  const lacks = (holders: ReadonlyMap<string, HostBinding>) => ({
    ...seen(none),
    newerDisk: () =>
      newerDisk(web, { reader: reader as never, agents: { bindingsOf: (uid) => (uid === 'd' ? holders : none) } }),
  })
  const unplaced = { ...web, status: {} } as VirtualMachine
  const running = {
    ...web,
    status: { ...web.status, conditions: [{ type: 'Running', status: 'True' }] },
  } as unknown as VirtualMachine

  it('keeps its machine from being started, and from being placed', () => {
    expect(planPlace(web, lacks(newer))).toEqual({ do: 'tell-disk', message: expect.stringContaining(words) })
    expect(planPlace(unplaced, lacks(newer))).toEqual({ do: 'wait', message: expect.stringContaining(words) })
  })

  it('is no matter of a machine that runs, or that is not to run', () => {
    expect(planPlace(running, lacks(newer))).toEqual({ do: 'nothing' })
    expect(planPlace(unplaced, { ...lacks(newer), wanted: false })).toEqual({ do: 'rest' })
  })

  it('is every other disk once the store knows as much', () => {
    const known = new Map([['h1', binding(1, 'Owner')]])
    expect(planPlace(web, lacks(known))).toEqual({ do: 'nothing' })
    expect(planPlace(unplaced, lacks(known))).toEqual({ do: 'place' })
  })
})

describe('a host that was told to send the machine away by a move that the store does not know', () => {
  const source = (phase?: 'Finishing' | 'Failed', id = 'm') =>
    ({
      metadata: {},
      spec: { epoch: 1, role: 'Owner', migration: { id, side: 'Source', epoch: 3, peer: { node: 'h2', url: '' } } },
      status: { epoch: 1, phase: 'Accepted', ...(phase === undefined ? {} : { migration: { id: 'm', phase } }) },
    }) as unknown as HostBinding

  it.each([
    ['has not begun', source()],
    ['does not know how it ended', source('Finishing')],
    ['has told the end of an earlier one only', source('Failed', 'another')],
  ])('and %s is told nothing: the target may have it', (_, binding) => {
    const holders = new Map([['h1', binding]])
    expect(newerHolder(placed, holders)).toMatchObject({
      epoch: 3,
      message: expect.stringMatching(/^h1 was told to move it to h2 by epoch 3, /),
    })
    expect([...vmWishes(vm(placed), facts(holders))]).toEqual([['h1', 'wait']])
  })

  it('is named after the one that has it', () => {
    const both = new Map([
      ['h1', source('Finishing')],
      ['h2', binding(3, 'Target')],
    ])
    expect(newerHolder(placed, both)?.message).toMatch(/^h2 has it by epoch 3/)
  })

  it('has it, once that came to nothing, and a store that knows of the move decides about it', () => {
    expect(newerHolder(placed, new Map([['h1', source('Failed')]]))).toBe(null)
    expect(newerHolder({ ...placed, epoch: 3 }, new Map([['h1', source('Finishing')]]))).toBe(null)
    expect(meaningOf(source('Failed'))).not.toBe(meaningOf(source('Finishing')))
  })
})
