import { describe, expect, it } from 'vitest'
import {
  DomainMigrateFlags as Flag,
  DomainEventResumedDetailType as Resumed,
  DomainEventSuspendedDetailType as Suspended,
  DomainEventType as Type,
} from '../../../lib/libvirt/index.ts'
import type { KubeObject } from '../../../lib/object.ts'
import type { Change } from '../../../lib/store/store.ts'
import { MEMBER_POINTS, memberPoint } from '../../crash/member-points.ts'
import { callPoints } from '../../crash/points.ts'
import { PostCopies, postCopyEvent } from '../../crash/post-copy.ts'
import { SCHEDULER_POINTS, schedulerPoint } from '../../crash/scheduler-points.ts'
import { watchedSide } from '../../crash/watched-moves.ts'
import { aBinding } from '../../support/bindings.ts'
import { aVm } from '../../support/objects.ts'

const put = (resource: string, previous: KubeObject | null, value: KubeObject): Change => ({
  type: 'put',
  previous,
  entry: { key: { resource, namespace: '', name: 'a' }, value, revision: 2n },
})

describe('points of a host in a cluster', () => {
  const migration = { id: 'm', side: 'Source', peer: { node: 'h2', url: '' }, epoch: 2, options: {} } as const
  const owner = aBinding()
  const newer = (spec: Parameters<typeof aBinding>[0]) => {
    const binding = aBinding(spec)
    return { ...binding, metadata: { ...binding.metadata, generation: 2 } }
  }
  const told = (phase: 'Transferring' | 'Finishing', percent = 1, options = {}) =>
    aBinding({ migration: { ...migration, options } }, [], { migration: { id: 'm', phase, progress: { percent } } })
  const postCopy = { postCopy: true }
  const rows: readonly (readonly [string, KubeObject | null, KubeObject])[] = [
    ['store/hostbindings/taken-Owner', null, owner],
    ['store/hostbindings/to-Released', owner, newer({ role: 'Released' })],
    ['store/hostbindings/doomed', owner, newer({ deleted: true })],
    ['store/hostbindings/go', owner, newer({ migration: { ...migration, go: true } })],
    ['store/hostbindings/cancel', told('Transferring'), newer({ migration: { ...migration, cancel: true } })],
    ['store/hostbindings/moved', told('Transferring'), newer({})],
    ['store/hostbindings/changed', owner, newer({ epoch: 2 })],
    ['store/hostbindings/Accepted', owner, aBinding({}, [], { phase: 'Accepted' })],
    ['move/Source/Finishing', told('Transferring'), told('Finishing')],
    ['move/Source/told', told('Transferring'), told('Transferring', 2)],
    ['post-copy/move/Source/Finishing', told('Transferring', 1, postCopy), told('Finishing', 1, postCopy)],
    ['move/Source/told', told('Transferring', 1, postCopy), told('Transferring', 2, postCopy)],
  ]
  it.each(rows)('%s', (point, before, after) => {
    expect(memberPoint(put('hostbindings.cluster.berth', before, after))).toBe(point)
    expect(MEMBER_POINTS).toContain(point)
  })

  it.each([
    ['libvirt/migrate-finish', { flags: 0, cancelled: 0 }],
    ['post-copy/libvirt/migrate-finish', { flags: Flag.LIVE | Flag.POSTCOPY, cancelled: 0 }],
    // Nothing has come.
    ['libvirt/migrate-finish', { flags: Flag.LIVE | Flag.POSTCOPY, cancelled: 1 }],
  ])('%s', (point, more) => {
    const points = callPoints('DomainMigrateFinish3Params', { params: [], cookieIn: new Uint8Array(), ...more })
    expect(points).toEqual({ sent: `${point}/sent`, done: `${point}/done` })
    expect(MEMBER_POINTS).toEqual(expect.arrayContaining(Object.values(points ?? {})))
  })

  it.each([
    [Type.RESUMED, Resumed.POSTCOPY, 'post-copy/event/runs'],
    [Type.SUSPENDED, Suspended.POSTCOPY, 'post-copy/event/left'],
    [Type.RESUMED, Resumed.MIGRATED, null],
  ])('of an event of a guest, kind %d, detail %d: %s', (event, detail, point) => {
    expect(postCopyEvent({ kind: 'lifecycle', dom: { name: 'a', uuid: 'b', id: 1 }, event, detail })).toBe(point)
    if (point !== null) expect(MEMBER_POINTS).toContain(point)
  })

  it('of what hosts ask each other are others by post-copy', () => {
    const said: string[] = []
    const moves = new PostCopies()
    const never = () => Promise.reject(new Error('not asked'))
    const silent = { binding: () => null, manifest: never, answer: () => new Promise<never>(() => undefined) }
    const side = watchedSide(silent, moves, (point) => said.push(point))
    const asks = [
      ['finish', 'm'],
      ['prepare', 'p'],
      ['finish', 'p'],
    ] as const
    moves.note(
      put('hostbindings.cluster.berth', null, aBinding({ migration: { ...migration, id: 'p', options: postCopy } })),
    )
    for (const [ask, id] of asks) void side.answer('uid', { uid: 'uid', id, ask })
    expect(said).toEqual(['peer/finish/admitted', 'peer/prepare/admitted', 'post-copy/peer/finish/admitted'])
    expect(MEMBER_POINTS).toEqual(expect.arrayContaining(said))
  })

  it('have names of their own', () => {
    expect(new Set(MEMBER_POINTS).size).toBe(MEMBER_POINTS.length)
  })
})

describe('points of a scheduler', () => {
  const VMS = 'virtualmachines.virtualization.deckhouse.io'
  const NODES = 'nodes'
  const vm = (berth: object) => aVm({ status: { berth } as object })
  const since = '2026-01-01T00:00:00Z'
  const placement = { node: 'h1', epoch: 1, since }
  const move = (phase: string, more: object = {}) => vm({ placement, migration: { id: 'm', phase, ...more } })
  const node = (annotations: object, berth: object = {}) =>
    ({ apiVersion: 'v1', kind: 'Node', metadata: { ...aVm().metadata, annotations }, status: { berth } }) as KubeObject
  const joined = { 'berth/certificate': '1' }
  const rows: readonly (readonly [string, string, KubeObject | null, KubeObject])[] = [
    ['store/virtualmachines/created', VMS, null, vm({})],
    ['store/virtualmachines/placed', VMS, vm({}), vm({ placement })],
    ['store/virtualmachines/released', VMS, vm({ placement, leaving: [placement] }), vm({ placement })],
    ['store/virtualmachines/status', VMS, vm({ placement }), vm({ placement, host: {} })],
    ['move/Preparing', VMS, vm({ placement }), move('Preparing')],
    ['move/Committed', VMS, move('Transferring'), move('Committed')],
    ['move/cancel', VMS, move('Transferring'), move('Transferring', { cancel: true })],
    ['store/nodes/joined', NODES, null, node(joined)],
    ['store/nodes/joined', NODES, node({}), node(joined)],
    ['store/nodes/promised', NODES, node(joined), node(joined, { promise: {} })],
    ['store/nodes/dead', NODES, node(joined), node(joined, { death: {} })],
    ['store/nodes/back', NODES, node(joined, { death: {} }), node(joined)],
    ['store/accesstokens/used', 'accesstokens.access.berth', node({}), node({ 'berth/used-by': 'h1' })],
  ]
  it.each(rows)('%s', (point, resource, before, after) => {
    expect(schedulerPoint(put(resource, before, after))).toBe(point)
    expect(SCHEDULER_POINTS).toContain(point)
  })

  it('have names of their own', () => {
    expect(new Set(SCHEDULER_POINTS).size).toBe(SCHEDULER_POINTS.length)
  })
})
