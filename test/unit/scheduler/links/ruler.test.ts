// Which scheduler rules: terms, claims, and what ends a rule. Over a real store.
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openSqliteStore } from '../../../../lib/store/sqlite/open.ts'
import { Ruler } from '../../../../scheduler/links/ruler.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { scratch } from '../../../support/scratch.ts'

async function ruler(members: readonly string[], dir = scratch()) {
  const store = await openSqliteStore({ path: join(dir, 'berth.db') })
  onTestFinished(() => store.close())
  return new Ruler({ store, clock: new ManualClock(), members: () => members })
}

const accepts = (one: Ruler) => ({ accepted: true, ...one.signature() })
const obeys = (term: number, revision = '0') => ({ accepted: false, instance: 'other', term, revision, message: 'no' })

describe('a ruler', () => {
  it('rules when more than half of the hosts have accepted, and writes only to those', async () => {
    const one = await ruler(['h1', 'h2', 'h3'])
    await one.raise()
    one.recount()
    expect(one.mark()).toBeNull()
    await one.hear('h1', accepts(one))
    expect(one.refusal()).toMatch(/1 of 3 hosts have accepted/)
    await one.hear('h2', accepts(one))
    expect(one.state).toEqual({ kind: 'ruling' })
    expect(one.mark()).toMatchObject({ term: 1, instance: one.instance })
    expect(one.problem('h3')).toMatch(/not accepted this scheduler yet/)
  })

  it('claims a higher term than any that a host knows, before it rules', async () => {
    const one = await ruler(['h1'])
    await one.raise()
    expect(await one.hear('h1', obeys(7))).toBe('again')
    expect(one.term).toBe(8)
    expect(await one.hear('h1', accepts(one))).toBe('done')
    expect(one.state.kind).toBe('ruling')
  })

  it('raises its term at each start', async () => {
    const dir = scratch()
    const store = await openSqliteStore({ path: join(dir, 'berth.db') })
    const start = async () => {
      const one = new Ruler({ store, clock: new ManualClock(), members: () => [] })
      await one.raise()
      one.recount()
      return one
    }
    const [first, second] = [await start(), await start()]
    expect([first.term, second.term]).toEqual([1, 2])
    expect(second.state.kind).toBe('ruling')
    await store.close()
  })

  it('does nothing when a host has heard of a newer store than its own', async () => {
    const one = await ruler(['h1', 'h2'])
    await one.raise()
    await one.hear('h1', obeys(3, '900'))
    expect(one.state.kind).toBe('outdated')
    expect(one.refusal()).toMatch(/h1 has heard of revision 900 .*old copy.*--rebuild/)
    await one.hear('h2', accepts(one))
    expect(one.mark()).toBeNull()
  })

  it('is over when a host that had accepted obeys another one', async () => {
    const one = await ruler(['h1', 'h2', 'h3'])
    await one.raise()
    for (const node of ['h1', 'h2']) await one.hear(node, accepts(one))
    let told = 0
    one.onChange(() => {
      told += 1
    })
    one.supersede('h1', 'the scheduler is superseded')
    expect(told).toBe(1)
    expect(one.refusal()).toMatch(/another scheduler rules this cluster: h1 says/)
    expect(one.mark()).toBeNull()
  })

  it('leaves alone a host that came from elsewhere and obeys somebody else', async () => {
    const one = await ruler(['h1', 'h2', 'h3'])
    await one.raise()
    for (const node of ['h1', 'h2']) await one.hear(node, accepts(one))
    await one.hear('h3', obeys(50))
    expect(one.state.kind).toBe('ruling')
    expect(one.problem('h3')).toBe('no')
    // Two of three: it is this one that is alone.
    await one.hear('h2', obeys(50))
    expect(one.state.kind).toBe('superseded')
  })
})
