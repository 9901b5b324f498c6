import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { Pacer } from '../../../../../lib/apiserver/http/pacer.ts'

it('lets a few go on at once, and a crowd a few per turn, in order', async () => {
  const pacer = new Pacer(10)
  const gone: number[] = []
  const all = Promise.all(
    Array.from({ length: 35 }, async (_, index) => {
      await pacer.next()
      gone.push(index)
    }),
  )
  await Promise.resolve()
  expect(gone.length).toBe(10)
  const steps: number[] = []
  while (gone.length < 35) {
    const before = gone.length
    await turn()
    steps.push(gone.length - before)
  }
  await all
  expect(Math.max(...steps)).toBeLessThanOrEqual(20)
  expect(gone).toEqual(Array.from({ length: 35 }, (_, index) => index))
})

it('is ready again after a rest', async () => {
  const pacer = new Pacer(1)
  for (let round = 0; round < 3; round++) {
    let done = false
    void pacer.next().then(() => {
      done = true
    })
    await turn()
    expect(done).toBe(true)
    await turn()
  }
})
