import { expect, it } from 'vitest'
import { inSlices } from '../../../../../lib/apiserver/http/slices.ts'

/** Holds the event loop for so long, whatever the machine does meanwhile. */
function work(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

it('gives what is made of each item, in order, and others their turns', async () => {
  let turns = 0
  let going = true
  const count = () => {
    turns += 1
    if (going) setImmediate(count)
  }
  setImmediate(count)
  const items = Array.from({ length: 160 }, (_, index) => index)
  const made = await inSlices(items, (item) => {
    work(1)
    return item * 2
  })
  going = false
  expect(made).toEqual(items.map((item) => item * 2))
  // 160 ms of work in slices of 16 items.
  expect(turns).toBeGreaterThanOrEqual(9)
})

it('a fault ends it', async () => {
  const broken = inSlices([1], () => {
    throw new Error('no')
  })
  await expect(broken).rejects.toThrow('no')
})
