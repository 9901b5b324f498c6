// Rows about watches: how fast one change reaches many, and what very many cost.
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { median, type Row, show } from '../figures.ts'
import { type Bed, spent } from './bed.ts'
import type { Child } from './child.ts'
import { DISK_PATH } from './objects.ts'
import { requestBytes, Wire } from './wire.ts'

const SEEN_MS = 60_000
/** Connections made at a time: a listen queue holds so many. */
const WAVE = 200
const SETTLE_MS = 2_000

/** Many watches that count the lines they get. */
class Watchers {
  readonly #sockets: Socket[] = []
  #open = 0
  #lines = 0
  #wanted = 0
  #tell: () => void = () => undefined

  async open(server: Child, path: string, count: number): Promise<void> {
    const request = requestBytes('GET', path)
    for (let first = 0; first < count; first += WAVE) {
      for (let index = first; index < Math.min(first + WAVE, count); index++) this.#one(server, request)
      await this.#until(() => this.#open === this.#sockets.length)
    }
  }

  /** Resolves when every watch has got one more line. */
  async next(act: () => Promise<unknown>): Promise<number> {
    this.#wanted = this.#lines + this.#sockets.length
    const begun = performance.now()
    const seen = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('not every watch saw the change')), SEEN_MS)
      this.#tell = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    await Promise.all([act(), seen])
    return performance.now() - begun
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #one(server: Child, request: Buffer): void {
    const socket = connect(server.socket)
    this.#sockets.push(socket)
    socket.write(request)
    let head = true
    socket.on('data', (chunk: Buffer) => {
      if (head) {
        if (!chunk.includes('\r\n\r\n')) return
        head = false
        this.#open += 1
      }
      // One line holds one such word.
      for (let at = chunk.indexOf('"MODIFIED"'); at >= 0; at = chunk.indexOf('"MODIFIED"', at + 1)) this.#lines += 1
      if (this.#wanted > 0 && this.#lines >= this.#wanted) this.#tell()
    })
    socket.on('error', () => undefined)
  }

  async #until(met: () => boolean): Promise<void> {
    const deadline = performance.now() + SEEN_MS
    while (!met()) {
      if (performance.now() > deadline) throw new Error('a watch does not open')
      await sleep(5)
    }
  }
}

async function revisionOf(server: Child): Promise<string> {
  const wire = await Wire.open(server.socket)
  const { metadata } = JSON.parse((await wire.send(requestBytes('GET', `${DISK_PATH}?limit=1`), 200)).toString())
  wire.close()
  return metadata.resourceVersion
}

const watchPath = (revision: string): string => `${DISK_PATH}?watch=true&resourceVersion=${revision}`

/** From the change's commit (asked of the server's own process) until every watch has its line, against bare open responses. */
export async function fanOut({ api, bare, scale }: Bed): Promise<Row> {
  const [ours, theirs] = [new Watchers(), new Watchers()]
  await ours.open(api, watchPath(await revisionOf(api)), scale.watchers)
  await theirs.open(bare, watchPath('0'), scale.watchers)
  const [times, floors]: [number[], number[]] = [[], []]
  const emit = (server: Child, watchers: Watchers) => watchers.next(() => server.ask({ ask: 'emit' }))
  await emit(api, ours)
  await emit(bare, theirs)
  const { cpu } = await spent(api, async () => {
    for (let pair = 0; pair < scale.emits; pair++) {
      times.push(await emit(api, ours))
      floors.push(await emit(bare, theirs))
    }
  })
  ours.close()
  theirs.close()
  return {
    id: 'watch.fanout',
    what: `one change → ${scale.watchers} watchers have it`,
    budget: null,
    value: median(times),
    unit: 'ms',
    detail: `bare responses get the same bytes in ${show(median(floors))} ms; commit included on our side only`,
    values: times,
    samples: { ms: times, floorMs: floors },
    cpu,
  }
}

/** Memory of each open watch, and the longest stall of the event loop while they open, get changes and go. */
export async function manyWatches({ api, scale }: Bed): Promise<readonly Row[]> {
  const many = new Watchers()
  const count = scale.manyWatches
  const before = await api.ask({ ask: 'stalls' })
  const stallOf = async (work: () => Promise<void>) => {
    await api.ask({ ask: 'stalls' })
    await work()
    return (await api.ask({ ask: 'figures' })).stallMs
  }
  const { result, cpu } = await spent(api, async () => {
    const opening = await stallOf(async () => many.open(api, watchPath(await revisionOf(api)), count))
    await sleep(SETTLE_MS)
    const rss = (await api.ask({ ask: 'figures' })).rssMiB - before.rssMiB
    const telling = await stallOf(async () => {
      for (let emit = 0; emit < scale.emits; emit++) await many.next(() => api.ask({ ask: 'emit' }))
    })
    const leaving = await stallOf(async () => {
      many.close()
      await sleep(SETTLE_MS)
    })
    return { rss, opening, telling, leaving }
  })
  const { rss, opening, telling, leaving } = result
  return [
    {
      id: 'watch.memory',
      what: `memory of one of ${count} open watches`,
      budget: null,
      value: (rss * 1024) / count,
      unit: 'KiB',
      detail: `${show(rss)} MiB in all, sockets' buffers in the kernel not counted`,
      values: [(rss * 1024) / count],
      samples: { mib: [rss] },
      cpu,
    },
    {
      id: 'watch.stall',
      what: `longest stall of the event loop with ${count} watches`,
      budget: { limit: 50, unit: 'ms' },
      value: Math.max(opening, telling),
      detail: `${show(opening)} ms while they open, ${show(telling)} ms while they get ${scale.emits} changes; ${show(leaving)} ms when all go at once`,
      values: [opening, telling],
      samples: { openingMs: [opening], tellingMs: [telling], leavingMs: [leaving] },
      cpu,
    },
  ]
}
