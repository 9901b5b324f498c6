import { describe, expect, it } from 'vitest'
import { DomainEventType, DomainState, type LibvirtPool, LibvirtTimeout } from '../../../lib/libvirt/index.ts'
import { eventually } from '../../support/eventually.ts'
import { collectUntil, failure, firmwareGuest, useLibvirtd } from './setup.ts'

const GUESTS = 20
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

describe('a busy libvirtd', () => {
  const { pool: newPool } = useLibvirtd()

  it(`answers light calls at once while ${GUESTS} guests start`, async () => {
    const pool = await newPool()
    const defined = await Promise.all(
      Array.from({ length: GUESTS }, (_, i) => pool.call('DomainDefineXML', { xml: firmwareGuest(`busy-${i}`) })),
    )
    const ask = (lane: 'light' | 'work') => timed(() => pool.call('ConnectGetLibVersion', {}, { lane }))
    const starts = defined.map(({ dom }) =>
      pool.call('DomainCreateWithFlags', { dom, flags: 0 }, { timeoutMs: 60_000 }),
    )
    let waiting = true
    const behind = ask('work').finally(() => {
      waiting = false
    })
    const beside: number[] = []
    while (waiting) beside.push(await ask('light'))
    for (const { dom } of await Promise.all(starts)) expect(dom.id).toBeGreaterThan(0)
    // The same call at the same time: once behind the starts, again and again beside them.
    expect(await behind).toBeGreaterThan(5 * median(beside))
    expect(beside.length).toBeGreaterThan(5)
  })
})

describe('a libvirtd that dies', () => {
  const { daemon, pool: newPool } = useLibvirtd()

  it('fails what is under way, comes back with its subscriptions, and finds the guest running', async () => {
    const states: string[] = []
    let changed: () => void = () => undefined
    const pool: LibvirtPool = await newPool({
      onState: (state) => {
        states.push(state)
        changed()
      },
    })
    const reached = async (state: string) => {
      while (states.at(-1) !== state) {
        await new Promise<void>((resolve) => {
          changed = resolve
        })
      }
    }
    const events = pool.events('lifecycle')
    await events.ready
    const { dom } = await pool.call('DomainDefineXML', { xml: firmwareGuest('survivor') })
    await pool.call('DomainCreateWithFlags', { dom, flags: 0 })
    await collectUntil(events, (item) => item.kind === 'lifecycle' && item.event === DomainEventType.STARTED)

    await daemon().kill()
    await reached('disconnected')
    expect(await failure(pool.call('ConnectGetType', {}, { lane: 'light' }))).toMatchObject({
      name: 'ConnectionLost',
      effect: 'none',
    })
    await daemon().start()
    await reached('connected')
    expect(states).toEqual(['connected', 'disconnected', 'connected'])

    const { state } = await pool.call('DomainGetState', { dom, flags: 0 })
    expect(state).toBe(DomainState.RUNNING)
    // Waits for libvirtd's own return to the guest; a destroy in the middle of that kills it and answers "not running".
    await pool.call('DomainSuspend', { dom })
    await pool.call('DomainDestroy', { dom })
    const seen = await collectUntil(
      events,
      (item) => item.kind === 'lifecycle' && item.event === DomainEventType.STOPPED,
    )
    expect(seen[0]).toEqual({ kind: 'reconnected' })
  })
})

describe('a libvirtd that hangs', () => {
  const { daemon, pool: newPool } = useLibvirtd()

  it('makes calls time out with an unknown effect; it did them when it goes on', async () => {
    const pool = await newPool()
    const call = () => pool.call('DomainDefineXML', { xml: firmwareGuest('late') }, { timeoutMs: 500 })
    await pool.call('ConnectGetType', {})
    daemon().freeze()
    const error = await failure(call())
    daemon().thaw()
    expect(error).toBeInstanceOf(LibvirtTimeout)
    expect(error).toMatchObject({ effect: 'unknown', procedure: 'DomainDefineXML' })
    // libvirtd's workers take the calls of a connection at the same time: the late one may still be under way.
    await eventually(async () => {
      const { domains } = await pool.call('ConnectListAllDomains', { needResults: 1, flags: 0 })
      expect(domains.map(({ name }) => name)).toContain('late')
    })
  })

  it('is given up by the heartbeat, and found again when it goes on', async () => {
    const states: string[] = []
    const pool = await newPool({
      keepalive: { intervalMs: 100, count: 3 },
      onState: (state) => states.push(state),
      callTimeoutMs: 1_000,
    })
    const subscription = pool.events('lifecycle')
    await subscription.ready
    daemon().freeze()
    while (states.length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
    daemon().thaw()
    expect(await collectUntil(subscription, () => true)).toEqual([{ kind: 'reconnected' }])
    expect(states[1]).toBe('disconnected')
  })

  it('does not keep connect() waiting beyond its time', async () => {
    daemon().freeze()
    const error = await failure(newPool({ callTimeoutMs: 300 }))
    daemon().thaw()
    expect(error).toMatchObject({ name: 'LibvirtTimeout', effect: 'none' })
  })
})
