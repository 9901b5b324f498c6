// Rows about single requests: reading one object, listing all, creating one durably.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { median, type Row, show } from '../figures.ts'
import { type Bed, spent } from './bed.ts'
import type { Child } from './child.ts'
import { DISK_PATH, disk, newName } from './objects.ts'
import { rate, requestBytes, Wire } from './wire.ts'

const open = (server: Child, count: number): Promise<readonly Wire[]> =>
  Promise.all(Array.from({ length: count }, () => Wire.open(server.socket)))

const close = (wires: readonly Wire[]): void => {
  for (const wire of wires) wire.close()
}

const READERS = 16

/** GET of one object against a bare Fastify route that sends the same bytes, at the same number of connections. */
export async function getOne({ api, bare, scale }: Bed): Promise<Row> {
  const [ours, theirs] = [await open(api, READERS), await open(bare, READERS)]
  const request = requestBytes('GET', `${DISK_PATH}/seed-0`)
  const half = (wires: readonly Wire[]) => rate(wires, scale.ms, 200, () => request)
  await half(ours)
  await half(theirs)
  const [rates, floors]: [number[], number[]] = [[], []]
  const { cpu } = await spent(api, async () => {
    for (let pair = 0; pair < scale.pairs; pair++) {
      rates.push(await half(ours))
      floors.push(await half(theirs))
    }
  })
  close([...ours, ...theirs])
  return {
    id: 'get.one',
    what: 'GET of one object against a bare Fastify route',
    budget: { limit: 0.6, unit: '×', atLeast: true },
    value: median(rates.map((value, index) => value / (floors[index] ?? Number.NaN))),
    detail: `${show(median(rates))}/s against ${show(median(floors))}/s, ${READERS} connections, ${scale.pairs} pairs`,
    values: rates.map((value, index) => value / (floors[index] ?? Number.NaN)),
    samples: { rate: rates, floor: floors },
    cpu,
  }
}

/** All objects in one answer, against a bare route that sends the same bytes. */
export async function listAll({ api, bare, scale }: Bed): Promise<Row> {
  const [[ours], [theirs]] = [await open(api, 1), await open(bare, 1)]
  if (ours === undefined || theirs === undefined) throw new Error('no connection')
  const request = requestBytes('GET', DISK_PATH)
  const timed = async (wire: Wire) => {
    const begun = performance.now()
    const { length } = await wire.send(request, 200)
    return { ms: performance.now() - begun, length }
  }
  const { length } = await timed(ours)
  await timed(theirs)
  const [times, floors]: [number[], number[]] = [[], []]
  const { cpu } = await spent(api, async () => {
    for (let pair = 0; pair < scale.lists; pair++) {
      times.push((await timed(ours)).ms)
      floors.push((await timed(theirs)).ms)
    }
  })
  close([ours, theirs])
  return {
    id: 'list.all',
    what: `list of ${scale.objects} objects`,
    budget: null,
    value: median(times),
    unit: 'ms',
    detail: `${show(length / 1_048_576)} MiB; a bare route sends the same bytes in ${show(median(floors))} ms`,
    values: times,
    samples: { ms: times, floorMs: floors },
    cpu,
  }
}

const FORMS = {
  json: '',
  table: 'accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n',
  metadata: 'accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io\r\n',
}
/** The server's histogram learns of a stall when the timer after it has fired. */
const NOTICE_MS = 100

/** What lists of everything, in each form, cost everybody else: the longest turn of the event loop while they are made. */
export async function stallOfLists({ api, scale }: Bed): Promise<Row> {
  const [wire] = await open(api, 1)
  if (wire === undefined) throw new Error('no connection')
  const longest: Record<string, number[]> = {}
  const { cpu } = await spent(api, async () => {
    for (const [form, headers] of Object.entries(FORMS)) {
      const request = requestBytes('GET', DISK_PATH, '', headers)
      longest[form] = []
      for (let round = 0; round < scale.lists; round++) {
        await api.ask({ ask: 'stalls' })
        await wire.send(request, 200)
        await sleep(NOTICE_MS)
        longest[form].push((await api.ask({ ask: 'figures' })).stallMs)
      }
    }
  })
  close([wire])
  const medians = Object.entries(longest).map(([form, stalls]) => ({ form, ms: median(stalls) }))
  return {
    id: 'list.stall',
    what: `stall of the event loop by a list of ${scale.objects} objects`,
    budget: { limit: 50, unit: 'ms' },
    value: Math.max(...medians.map(({ ms }) => ms)),
    detail: `the worst form's median of ${scale.lists}: ${medians.map(({ form, ms }) => `${form} ${show(ms)} ms`).join(', ')}`,
    values: Object.values(longest).flat(),
    samples: longest,
    cpu,
  }
}

/** Writes the rows that the store writes for one new object, one commit each, by better-sqlite3 alone. */
class RawWriter {
  readonly #db: Database.Database
  readonly #write: (name: string) => void
  #revision = 0

  constructor(path: string) {
    this.#db = new Database(path)
    const db = this.#db
    db.pragma('journal_mode = wal')
    db.pragma('synchronous = full')
    db.exec(
      `CREATE TABLE objects (resource TEXT, namespace TEXT, name TEXT, uid TEXT, revision INTEGER, value TEXT, PRIMARY KEY (resource, namespace, name)) STRICT;
       CREATE TABLE changes (revision INTEGER PRIMARY KEY, at INTEGER, resource TEXT, namespace TEXT, name TEXT, type TEXT, value TEXT, previous TEXT) STRICT;
       CREATE INDEX changes_by_resource ON changes (resource, revision);
       CREATE TABLE meta (one INTEGER PRIMARY KEY, revision INTEGER) STRICT;
       INSERT INTO meta VALUES (1, 0)`,
    )
    const put = db.prepare('INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)')
    const log = db.prepare('INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, NULL)')
    const advance = db.prepare('UPDATE meta SET revision = ?')
    this.#write = db.transaction((name: string) => {
      const revision = ++this.#revision
      const value = JSON.stringify(disk(name))
      put.run('virtualdisks', 'bench', name, name, revision, value)
      log.run(revision, Date.now(), 'virtualdisks', 'bench', name, 'put', value)
      advance.run(revision)
    })
  }

  rate(ms: number): number {
    const begun = performance.now()
    let count = 0
    for (; performance.now() - begun < ms; count++) this.#write(newName())
    return (count * 1000) / (performance.now() - begun)
  }

  close(): void {
    this.#db.close()
  }
}

/** Durable creates through REST against better-sqlite3 alone, both with one fsync before each answer at most. */
export async function createDurably({ api, folder, scale }: Bed, writers: number): Promise<Row> {
  const wires = await open(api, writers)
  const raw = new RawWriter(join(folder, `raw-${writers}.db`))
  const next = () => requestBytes('POST', DISK_PATH, JSON.stringify(disk(newName())))
  const half = () => rate(wires, scale.ms, 201, next)
  await half()
  raw.rate(scale.ms)
  const [rates, floors]: [number[], number[]] = [[], []]
  const { cpu } = await spent(api, async () => {
    for (let pair = 0; pair < scale.pairs; pair++) {
      rates.push(await half())
      floors.push(raw.rate(scale.ms))
    }
  })
  close(wires)
  raw.close()
  return {
    id: `create.${writers}`,
    what: `durable create by ${writers} client${writers === 1 ? '' : 's'} against raw better-sqlite3`,
    budget: { limit: 0.5, unit: '×', atLeast: true },
    value: median(rates.map((value, index) => value / (floors[index] ?? Number.NaN))),
    detail: `${show(median(rates))}/s against ${show(median(floors))}/s, ${scale.pairs} pairs`,
    values: rates.map((value, index) => value / (floors[index] ?? Number.NaN)),
    samples: { rate: rates, floor: floors },
    cpu,
  }
}
