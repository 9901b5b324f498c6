import { expect, it } from 'vitest'
import { Semaphore } from '../../../lib/semaphore.ts'

const NEVER = new AbortController().signal
const settled = () => new Promise((resolve) => setImmediate(resolve))

it('lets as many go on as it is made for, and the next ones in the order in which they came', async () => {
  const semaphore = new Semaphore(2)
  const came: number[] = []
  const ends: (() => void)[] = []
  for (const each of [0, 1, 2, 3])
    void semaphore.take(NEVER).then((end) => {
      came.push(each)
      ends.push(end)
    })
  await settled()
  expect(came).toEqual([0, 1])
  ends[1]?.()
  await settled()
  expect(came).toEqual([0, 1, 2])
  ends[0]?.()
  await settled()
  expect(came).toEqual([0, 1, 2, 3])
})

it('counts the end of a turn once, however often it is said', async () => {
  const semaphore = new Semaphore(1)
  const end = await semaphore.take(NEVER)
  end()
  end()
  await semaphore.take(NEVER)
  let second = false
  void semaphore.take(NEVER).then(() => {
    second = true
  })
  await settled()
  expect(second).toBe(false)
})

it('forgets who gives up waiting', async () => {
  const semaphore = new Semaphore(1)
  const end = await semaphore.take(NEVER)
  const gone = new AbortController()
  const waiting = semaphore.take(gone.signal)
  gone.abort(new Error('the host is gone'))
  await expect(waiting).rejects.toThrow('the host is gone')
  await expect(semaphore.take(gone.signal)).rejects.toThrow('the host is gone')
  end()
  await expect(semaphore.take(NEVER)).resolves.toBeTypeOf('function')
})
