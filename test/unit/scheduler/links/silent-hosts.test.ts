// A cluster of which many hosts say nothing: those that answer are not kept waiting for it. Agents are fakes; nothing is sent anywhere.
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import type { Client } from '../../../../lib/client/client.ts'
import { silentLog } from '../../../../lib/reconcile/log.ts'
import { openSqliteStore } from '../../../../lib/store/sqlite/open.ts'
import type { AgentClients } from '../../../../scheduler/links/clients.ts'
import { Links, type LinksDeps } from '../../../../scheduler/links/links.ts'
import { Ruler } from '../../../../scheduler/links/ruler.ts'
import { ManualClock, settle } from '../../../support/manual-clock.ts'
import { scratch } from '../../../support/scratch.ts'

interface Asked {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  readonly body?: unknown
}

const ANSWER_MS = 5

class World {
  readonly clock = new ManualClock()
  readonly silent = new Set<string>()
  /** Claims of each host, by the time at which they came: monotonic ms. */
  readonly claims = new Map<string, number[]>()
  readonly nodes: readonly string[]
  readonly #dir = scratch()

  constructor(count: number) {
    this.nodes = Array.from({ length: count }, (_, at) => `h${at}`)
  }

  async start(door?: LinksDeps['door']) {
    const { clock, nodes } = this
    const store = await openSqliteStore({ path: join(this.#dir, 'berth.db') })
    const known = new Map(nodes.map((node) => [node, this.#client(node)]))
    const clients: AgentClients = {
      nodes: () => nodes,
      clientFor: (node) => known.get(node) ?? null,
      urlOf: () => null,
      onChange: () => () => undefined,
    }
    const ruler = new Ruler({ store, clock, members: () => nodes })
    const links = new Links({ clients, ruler, clock, log: silentLog, ...(door === undefined ? {} : { door }) })
    links.start()
    onTestFinished(async () => {
      await links.stop()
      await store.close()
    })
    // The term goes to the disk.
    await expect.poll(() => ruler.term).toBe(1)
    await settle()
    return { links, ruler }
  }

  /** Answers, or says nothing until the deadline. */
  async #answer<T>(node: string, { signal, timeoutMs = 30_000 }: Asked, value: () => T): Promise<T> {
    if (!this.silent.has(node)) {
      await this.clock.sleep(ANSWER_MS, signal)
      return value()
    }
    await this.clock.sleep(timeoutMs, signal)
    throw new Error('no answer in time')
  }

  #client(node: string): Client {
    return {
      transport: {
        json: (ask: Asked) => {
          this.claims.set(node, [...(this.claims.get(node) ?? []), this.clock.monotonic()])
          return this.#answer(node, ask, () => ({ accepted: true, ...(ask.body as object), message: '' }))
        },
      },
      objects: {
        list: (_kind: unknown, _scope: unknown, ask: Asked) =>
          this.#answer(node, ask, () => ({ items: [], resourceVersion: '1' })),
        watch: async function* (_kind: unknown, _scope: unknown, _after: string, { signal }: Asked) {
          await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
          yield undefined
        },
      },
    } as unknown as Client
  }
}

it('hosts that answer are asked for their obedience, and read, while as many others say nothing', async () => {
  const world = new World(400)
  // The worst order: those that are silent come first.
  for (const node of world.nodes.slice(0, 200)) world.silent.add(node)
  const { links, ruler } = await world.start()
  const rest = world.nodes.filter((node) => !world.silent.has(node))
  await world.clock.advance(1_500)
  expect(rest.filter((node) => !ruler.isAcceptedBy(node))).toEqual([])
  await world.clock.advance(1_500)
  expect(rest.filter((node) => links.view(node)?.inSync !== true)).toEqual([])
})

it('a host that is silent is asked ever more seldom, and at once when it gives a sign of life', async () => {
  const world = new World(3)
  world.silent.add('h0')
  const { links, ruler } = await world.start()
  await world.clock.advance(60_000)
  const times = world.claims.get('h0') ?? []
  const pauses = times.slice(1).map((at, before) => at - (times[before] ?? 0))
  expect(Math.max(...pauses)).toBeGreaterThan(Math.max(...pauses.slice(0, 1)))
  expect(times.length).toBeLessThan(10)
  world.silent.delete('h0')
  // It may be asked at this moment, over a line that is dead.
  await world.clock.advance(5_000)
  if (!ruler.isAcceptedBy('h0')) links.heard('h0')
  await world.clock.advance(100)
  expect(ruler.isAcceptedBy('h0')).toBe(true)
  const asked = world.claims.get('h0')?.length
  links.heard('h0')
  await world.clock.advance(20_000)
  expect(world.claims.get('h0')?.length).toBe(asked)
})

it('a host that has forgotten this scheduler is asked again', async () => {
  const world = new World(2)
  const { ruler } = await world.start()
  await world.clock.advance(100)
  ruler.forgottenBy('h1')
  await world.clock.advance(2_100)
  expect(ruler.isAcceptedBy('h1')).toBe(true)
  expect(world.claims.get('h0')).toHaveLength(1)
})

it('hosts are read when nobody waits at the door any more', async () => {
  const world = new World(40)
  let open: () => void = () => undefined
  const quiet = new Promise<void>((resolve) => {
    open = resolve
  })
  const { links } = await world.start({ quiet: () => quiet })
  await world.clock.advance(10_000)
  const read = () => world.nodes.filter((node) => links.view(node)?.inSync === true)
  expect(read()).toEqual([])
  open()
  await world.clock.advance(2_000)
  expect(read()).toEqual(world.nodes)
})

it('hosts are read after ten seconds though this scheduler does not rule', async () => {
  const world = new World(4)
  for (const node of ['h1', 'h2', 'h3']) world.silent.add(node)
  const { links } = await world.start({ quiet: async () => undefined })
  await world.clock.advance(9_000)
  expect(links.view('h0')?.inSync).toBe(false)
  await world.clock.advance(3_000)
  expect(links.view('h0')?.inSync).toBe(true)
})
