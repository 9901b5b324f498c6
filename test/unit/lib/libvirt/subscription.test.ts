import { describe, expect, it } from 'vitest'
import { Subscription } from '../../../../lib/libvirt/subscription.ts'
import { turn } from './manual-clock.ts'

interface Tick {
  readonly kind: 'tick'
  readonly n: number
}
const tick = (n: number): Tick => ({ kind: 'tick', n })

async function drain(subscription: Subscription<Tick>): Promise<unknown[]> {
  const items: unknown[] = []
  for await (const item of subscription) items.push(item)
  return items
}

describe('a subscription', () => {
  it('gives events in order, to a consumer that waits and to one that comes late', async () => {
    const subscription = new Subscription<Tick>(10, () => undefined)
    subscription.push(tick(1))
    const items = drain(subscription)
    await turn()
    subscription.push(tick(2))
    subscription.close()
    expect(await items).toEqual([tick(1), tick(2)])
  })

  it('reports what did not fit, where it would have been', async () => {
    const subscription = new Subscription<Tick>(2, () => undefined)
    for (const n of [1, 2, 3, 4]) subscription.push(tick(n))
    const iterator = subscription[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toEqual(tick(1))
    subscription.push(tick(5))
    expect((await iterator.next()).value).toEqual(tick(2))
    subscription.push(tick(6))
    subscription.close()
    const rest = []
    for await (const item of iterator) rest.push(item)
    expect(rest).toEqual([{ kind: 'dropped', count: 3 }, tick(6)])
  })

  it('holds no more than its capacity and one notice, however long nobody reads', async () => {
    const subscription = new Subscription<Tick>(3, () => undefined)
    for (let n = 0; n < 10_000; n++) subscription.push(tick(n))
    subscription.close()
    expect(await drain(subscription)).toEqual([tick(0), tick(1), tick(2), { kind: 'dropped', count: 9_997 }])
  })

  it('holds no more than 16 MiB of events', async () => {
    const subscription = new Subscription<Tick>(1_000, () => undefined)
    for (let n = 0; n < 20; n++) subscription.push(tick(n), 1_048_576)
    const iterator = subscription[Symbol.asyncIterator]()
    for (let n = 0; n < 16; n++) expect((await iterator.next()).value).toEqual(tick(n))
    expect((await iterator.next()).value).toEqual({ kind: 'dropped', count: 4 })
    subscription.push(tick(20), 1_048_576)
    expect((await iterator.next()).value).toEqual(tick(20))
  })

  it('never drops the notice of a reconnection, and gives it once', async () => {
    const subscription = new Subscription<Tick>(1, () => undefined)
    subscription.push(tick(1))
    subscription.reconnected()
    subscription.reconnected()
    subscription.push(tick(2))
    subscription.close()
    expect(await drain(subscription)).toEqual([tick(1), { kind: 'reconnected' }, { kind: 'dropped', count: 1 }])
  })

  it('ends when its consumer leaves the loop, and says so once', async () => {
    let closes = 0
    const subscription = new Subscription<Tick>(5, () => closes++)
    subscription.push(tick(1))
    for await (const item of subscription) {
      expect(item).toEqual(tick(1))
      break
    }
    subscription.close()
    subscription.push(tick(2))
    expect([closes, subscription.closed]).toEqual([1, true])
  })

  it('throws the error it was closed with, after what came before', async () => {
    const subscription = new Subscription<Tick>(5, () => undefined)
    subscription.push(tick(1))
    subscription.close(new Error('refused'))
    const iterator = subscription[Symbol.asyncIterator]()
    expect((await iterator.next()).value).toEqual(tick(1))
    await expect(iterator.next()).rejects.toThrow('refused')
    await expect(subscription.ready).rejects.toThrow('refused')
  })
})
