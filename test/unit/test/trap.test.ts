import { describe, expect, it } from 'vitest'
import { Orders } from '../../crash/orders.ts'
import { CRASH_POINTS, callPoints, commitPoint } from '../../crash/points.ts'
import { Trap } from '../../crash/trap.ts'
import { scratch } from '../../support/scratch.ts'

const POINTS = ['a', 'b', 'a', 'c', 'a', 'b']

async function lived(order: Parameters<Orders['give']>[0]) {
  const orders = new Orders(scratch())
  await orders.give(order)
  let deaths = 0
  const life = () => new Trap(orders, () => (deaths += 1))
  return { orders, life, deaths: () => deaths }
}

describe('a trap at named points', () => {
  it('kills nobody without an order', () => {
    new Trap(new Orders(scratch()), () => expect.fail('died')).pass('a')
  })

  it('records what is passed, and kills nobody', async () => {
    const { orders, life, deaths } = await lived({ do: 'die-at-each', points: [] })
    const trap = life()
    for (const point of POINTS) trap.pass(point)
    expect(orders.passed()).toEqual(POINTS)
    expect(deaths()).toBe(0)
  })

  it('kills at the nth passing, once', async () => {
    const { orders, life, deaths } = await lived({ do: 'die', id: '1', point: 'a', nth: 2 })
    const trap = life()
    trap.pass('a')
    trap.pass('b')
    expect(deaths()).toBe(0)
    trap.pass('a')
    expect([deaths(), orders.died(), orders.get()]).toEqual([1, ['a'], null])
    for (const point of POINTS) trap.pass(point)
    expect(deaths()).toBe(1)
  })

  it('counts anew for another order', async () => {
    const { orders, life, deaths } = await lived({ do: 'die', id: '1', point: 'a', nth: 2 })
    const trap = life()
    trap.pass('a')
    await orders.give({ do: 'die', id: '2', point: 'a', nth: 2 })
    trap.pass('a')
    expect(deaths()).toBe(0)
    trap.pass('a')
    expect(deaths()).toBe(1)
  })

  it('kills at each point once, over all lives', async () => {
    const { orders, life, deaths } = await lived({ do: 'die-at-each', points: ['a', 'b'] })
    for (const point of POINTS) life().pass(point)
    expect([deaths(), orders.died(), orders.passed()]).toEqual([2, ['a', 'b'], POINTS])
    await orders.clear()
    expect([orders.get(), orders.died()]).toEqual([null, []])
  })
})

describe('the points', () => {
  const metadata = (more: object = {}) => ({
    name: 'a',
    uid: 'u',
    generation: 1,
    resourceVersion: '1',
    creationTimestamp: '',
    ...more,
  })
  const object = (more: object = {}, status?: object) => ({
    apiVersion: 'v1',
    kind: 'VirtualDisk',
    metadata: metadata(more),
    ...(status === undefined ? {} : { status }),
  })
  const key = { resource: 'virtualdisks.virtualization.deckhouse.io', namespace: 'n', name: 'a' }
  type Sample = ReturnType<typeof object>
  const put = (previous: Sample | null, value: Sample) =>
    commitPoint({ type: 'put', previous, entry: { key, value, revision: 2n } })

  const rows: readonly (readonly [string, Sample | null, Sample])[] = [
    ['created', null, object()],
    ['changed', object(), object({ generation: 2 }, {})],
    ['status', object(), object({}, { phase: 'Ready' })],
    ['held', object(), object({ finalizers: ['x'] }, { phase: 'Ready' })],
    ['let-go', object({ finalizers: ['x'] }), object()],
    ['doomed', object({ finalizers: ['x'] }), object({ finalizers: ['x'], deletionTimestamp: 'now', generation: 2 })],
  ]
  for (const [deed, before, after] of rows)
    it(`name a commit by what it did: ${deed}`, () => {
      expect(put(before, after)).toBe(`store/virtualdisks/${deed}`)
    })

  it('name a deletion', () => {
    expect(commitPoint({ type: 'delete', key, revision: 3n, previous: object() })).toBe('store/virtualdisks/gone')
  })

  const dom = { name: 'a', uuid: 'b', id: 1 }

  it('are two for a call that changes something, and none for one that looks', () => {
    const points = callPoints('DomainCreateWithFlags', { dom, flags: 0 })
    expect(points).toEqual({ sent: 'libvirt/start/sent', done: 'libvirt/start/done' })
    expect(CRASH_POINTS).toEqual(expect.arrayContaining(Object.values(points ?? {})))
    expect(callPoints('DomainGetState', { dom, flags: 0 })).toBeNull()
  })

  it('have names of their own', () => {
    expect(new Set(CRASH_POINTS).size).toBe(CRASH_POINTS.length)
  })
})
