import { createServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { Door } from '../../../../scheduler/links/door.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const { signal } = new AbortController()
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Whether it has resolved by now. */
function seen(promise: Promise<unknown>) {
  const told = { over: false }
  void promise.then(
    () => {
      told.over = true
    },
    () => undefined,
  )
  return told
}

test('nobody waits: it is quiet at once', async () => {
  await new Door(new ManualClock()).quiet(signal)
})

test('while one comes in each turn it is not quiet; then it is', async () => {
  const door = new Door(new ManualClock())
  const told = seen(door.quiet(signal))
  for (let count = 0; count < 50; count++) {
    door.opened()
    await turn()
  }
  expect(told.over).toBe(false)
  for (let count = 0; count < 5; count++) await turn()
  expect(told.over).toBe(true)
})

test('who comes all the time keeps nobody waiting for more than two seconds', async () => {
  let now = 0
  const door = new Door({ monotonic: () => now })
  const told = seen(door.quiet(signal))
  const come = async () => {
    for (let count = 0; count < 5; count++) {
      door.opened()
      await turn()
    }
  }
  now = 1_900
  await come()
  expect(told.over).toBe(false)
  now = 2_100
  await come()
  expect(told.over).toBe(true)
})

test('who waits for it can give up', async () => {
  const abort = new AbortController()
  const waiting = new Door(new ManualClock()).quiet(abort.signal)
  abort.abort(new Error('no more'))
  await expect(waiting).rejects.toThrow('no more')
})

test('with a real listener it is quiet when all that came together are in', async () => {
  const door = new Door({ monotonic: () => 0 })
  const server = createServer()
  let count = 0
  server.on('connection', () => {
    count += 1
    door.opened()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const sockets = Array.from({ length: 100 }, () => connect({ port, host: '127.0.0.1' }))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise<unknown>((resolve) => server.close(resolve))
  })
  // The kernel has them; the server takes them one after the other.
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
  await door.quiet(signal)
  expect(count).toBe(100)
})
