// Clients that ask for a watch and go at once, in a crowd.
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Store } from '../../../../lib/store/store.ts'
import { eventually } from '../../../support/eventually.ts'
import { scratch } from '../../../support/scratch.ts'
import { startServer } from './server.ts'

it('leave no watch behind', async () => {
  let [open, opened] = [0, 0]
  const wrapStore = (store: Store): Store =>
    new Proxy(store, {
      get(target, property) {
        if (property !== 'watch') {
          const value: unknown = Reflect.get(target, property)
          return typeof value === 'function' ? value.bind(target) : value
        }
        return async function* (...args: Parameters<Store['watch']>) {
          open += 1
          opened += 1
          try {
            yield* target.watch(...args)
          } finally {
            open -= 1
          }
        }
      },
    })
  const path = join(scratch(), 'api.sock')
  const test = await startServer({ wrapStore })
  await test.server.listen({ unix: { path } })
  const before = open
  // From the newest revision on: there is nothing to send, so no write tells that the client is gone.
  const from = test.store.revision()
  const request = `GET /api/v1/namespaces?watch=true&resourceVersion=${from} HTTP/1.1\r\nhost: localhost\r\n\r\n`
  const sockets = await Promise.all(
    Array.from({ length: 300 }, async () => {
      const socket = connect(path)
      socket.on('error', () => undefined)
      await new Promise((resolve) => socket.once('connect', resolve))
      return socket
    }),
  )
  for (const socket of sockets) socket.write(request, () => socket.destroy())
  await eventually(async () => {
    const seen = opened
    await sleep(50)
    expect([open, opened]).toEqual([before, seen])
    // On a busy machine the first of them may be answered later than that.
    expect(opened).toBeGreaterThan(0)
  })
  await test.stop()
})
