import { beforeEach, describe, expect, it } from 'vitest'
import { refused, transport } from '../../../../agent/images/errors.ts'
import { ImportQueue } from '../../../../agent/images/import-queue.ts'
import type { ImportProgress, ImportRequest } from '../../../../agent/images/importer.ts'
import type { StoredImage } from '../../../../agent/images/stored.ts'
import { silentLog } from '../../../../lib/reconcile/log.ts'

const IMAGE = {} as StoredImage

/** An importer whose imports end when the test says so. */
class Gate {
  readonly started: string[] = []
  readonly ended: string[] = []
  readonly #ends = new Map<string, (error?: Error) => void>()
  readonly #progress = new Map<string, (progress: ImportProgress) => void>()

  async import(request: ImportRequest, onProgress: (progress: ImportProgress) => void, signal: AbortSignal) {
    const { uid } = request.claim
    this.started.push(uid)
    this.#progress.set(uid, onProgress)
    await new Promise<void>((resolve, reject) => {
      this.#ends.set(uid, (error) => (error === undefined ? resolve() : reject(error)))
      signal.addEventListener('abort', () => setTimeout(() => reject(signal.reason), 5))
    }).finally(() => this.ended.push(uid))
    return IMAGE
  }

  async end(uid: string, error?: Error): Promise<void> {
    this.#ends.get(uid)?.(error)
    await new Promise(setImmediate)
  }

  progress(uid: string, bytes: number): void {
    this.#progress.get(uid)?.({ stage: 'download', bytes, total: 100 })
  }
}

let now: number
let gate: Gate
let changes: string[]
let queue: ImportQueue

beforeEach(() => {
  now = 1_000
  gate = new Gate()
  changes = []
  const clock = { now: () => now, monotonic: () => now, sleep: async () => {} }
  queue = new ImportQueue({ importer: gate, clock, log: silentLog, concurrency: 2, attempts: 3, retryMs: 100 })
})

const ensure = (uid: string, url = 'http://a/', namespace = 'default') =>
  queue.ensure({
    namespace,
    request: { source: { url }, claim: { uid, object: {} } },
    onChange: () => changes.push(uid),
  })

describe('ImportQueue', () => {
  it('runs so many at a time, in the order of asking, and says how many come first', async () => {
    for (const uid of ['a', 'b', 'c', 'd']) await ensure(uid)
    expect(gate.started).toEqual(['a', 'b'])
    expect(queue.state('c')).toEqual({ kind: 'queued', ahead: 2 })
    expect(queue.state('d')).toEqual({ kind: 'queued', ahead: 3 })
    await gate.end('b')
    expect(gate.started).toEqual(['a', 'b', 'c'])
    expect(queue.state('b')?.kind).toBe('done')
    expect(changes).toContain('b')
  })

  it("a namespace's fifty do not keep another's one from its turn, and both are told the truth about it", async () => {
    for (let index = 0; index < 50; index++) await ensure(`flood-${index}`, 'http://a/', 'flood')
    await ensure('one', 'http://a/', 'quiet')
    expect(queue.counts()).toMatchObject({ queued: 49, running: 2 })
    expect(queue.state('one')).toEqual({ kind: 'queued', ahead: 3 })
    expect(queue.state('flood-3')).toEqual({ kind: 'queued', ahead: 4 })
    await gate.end('flood-0')
    await gate.end('flood-1')
    expect(gate.started).toEqual(['flood-0', 'flood-1', 'flood-2', 'one'])
  })

  it('asking again for the same changes nothing; progress is seen', async () => {
    await ensure('a')
    await ensure('a')
    gate.progress('a', 40)
    expect(gate.started).toEqual(['a'])
    expect(queue.state('a')).toMatchObject({ kind: 'running', progress: { bytes: 40, total: 100 } })
  })

  it('another source ends the import of the old one first', async () => {
    await ensure('a', 'http://old/')
    await ensure('a', 'http://new/')
    expect(gate.ended).toEqual(['a'])
    expect(gate.started).toEqual(['a', 'a'])
  })

  it('cancel waits for the end, and frees the place', async () => {
    for (const uid of ['a', 'b', 'c']) await ensure(uid)
    await queue.cancel('a')
    expect(gate.ended).toEqual(['a'])
    expect(queue.state('a')).toBeNull()
    expect(gate.started).toEqual(['a', 'b', 'c'])
    await queue.cancel('never there')
  })

  it('a refused source is not tried again, however often it is asked for', async () => {
    await ensure('a')
    await gate.end('a', refused('no such file'))
    now += 1_000_000
    await ensure('a')
    expect(queue.state('a')).toEqual({ kind: 'failed', message: 'no such file', attempt: 1, retryAt: null })
    expect(gate.started).toEqual(['a'])
    await ensure('a', 'http://better/')
    expect(gate.started).toEqual(['a', 'a'])
  })

  it('a fault on the way is tried again after a growing wait, and then given up', async () => {
    await ensure('a')
    await gate.end('a', transport('cut'))
    expect(queue.state('a')).toEqual({ kind: 'failed', message: 'cut', attempt: 1, retryAt: now + 100 })
    await ensure('a')
    expect(gate.started).toHaveLength(1)
    now += 100
    await ensure('a')
    await gate.end('a', transport('cut'))
    expect(queue.state('a')).toMatchObject({ attempt: 2, retryAt: now + 200 })
    now += 200
    await ensure('a')
    await gate.end('a', transport('cut'))
    expect(queue.state('a')).toMatchObject({ attempt: 3, retryAt: null })
  })

  it('content of the cluster is asked for until it is here, each time where it is known to be', async () => {
    const from = (node: string, digest = 'd') =>
      queue.ensure({
        namespace: 'default',
        request: {
          source: { url: 'http://a/' },
          content: { digest, sources: [{ node, url: `https://${node}` }] },
          claim: { uid: 'a', object: {} },
        },
        onChange: () => {},
      })
    for (let attempt = 1; attempt <= 9; attempt += 1) {
      await from(`h${attempt}`)
      await gate.end('a', transport('gone'))
      expect(queue.state('a')).toMatchObject({ kind: 'failed', attempt })
      now += 300_000
    }
    await from('h10')
    // It runs: another place to have it from does not begin it anew, another digest does.
    await from('h11')
    expect(gate.started).toHaveLength(10)
    await from('h11', 'other')
    expect(gate.started).toHaveLength(11)
  })

  it('one that is tried again goes to the end of the line', async () => {
    for (const uid of ['a', 'b', 'c']) await ensure(uid)
    await gate.end('a', transport('cut'))
    await ensure('d')
    now += 100
    await ensure('a')
    expect(queue.state('a')).toMatchObject({ kind: 'queued', ahead: 3 })
    expect(queue.state('d')).toMatchObject({ kind: 'queued', ahead: 2 })
  })

  it('one that is done and asked for again is imported again', async () => {
    await ensure('a')
    await gate.end('a')
    await ensure('a')
    expect(gate.started).toEqual(['a', 'a'])
  })

  it('stop ends all and takes no more', async () => {
    for (const uid of ['a', 'b', 'c']) await ensure(uid)
    await queue.stop()
    expect(gate.ended.sort()).toEqual(['a', 'b'])
    await ensure('d')
    expect(gate.started).toEqual(['a', 'b'])
  })
})
