// A process that writes until it is killed, and says each write that was acknowledged: run by kill.test.ts.
import { writeSync } from 'node:fs'
import { openSqliteStore } from '../../../../../lib/store/sqlite/open.ts'
import { key, object } from '../fixtures.ts'

const [path = '', life = ''] = process.argv.slice(2)
const store = await openSqliteStore({ path })
const nobody = new Int32Array(new SharedArrayBuffer(4))

/** Waits for a reader that is slow: the pipe may be one that says EAGAIN when it is full. */
function say(line: object): void {
  let rest = Buffer.from(`${JSON.stringify(line)}\n`)
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(nobody, 0, 0, 1)
    }
  }
}

/** Creates, counts up in pairs that must stay equal, deletes what it made. */
async function work(worker: number): Promise<never> {
  const pair = [key(`left-${worker}`), key(`right-${worker}`)]
  for (let n = 0; ; n++) {
    const name = `${life}-${worker}-${n}`
    const made = await store.create(key(name), object(key(name), n))
    say({ created: name, revision: String(made.revision) })
    const known = await store.get(key(`left-${worker}`))
    const next = (typeof known?.value.spec === 'number' ? known.value.spec : 0) + 1
    await store.transact(
      pair.map((target) => ({ op: known === null ? 'create' : 'update', key: target, value: object(target, next) })),
    )
    say({ pair: worker, n: next })
    if (n % 3 !== 0) continue
    await store.delete(key(name))
    say({ deleted: name })
  }
}

await Promise.all([1, 2, 3, 4].map(work))
