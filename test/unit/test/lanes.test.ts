import { expect, it } from 'vitest'
import { Lanes } from '../../cluster/lanes.ts'

it('looks when all lanes rest or are over, once for all that rest', async () => {
  const said: string[] = []
  const lanes = new Lanes(3, async () => void said.push('look'))
  const first = lanes.rest().then(() => said.push('first'))
  lanes.over()
  await Promise.resolve()
  expect(said).toEqual([])
  const second = lanes.rest().then(() => said.push('second'))
  await Promise.all([first, second])
  expect(said).toEqual(['look', 'first', 'second'])
  lanes.over()
  await lanes.rest()
  expect(said).toEqual(['look', 'first', 'second', 'look'])
})

it('tells all that rest what is wrong', async () => {
  const lanes = new Lanes(2, () => Promise.reject(new Error('wrong')))
  const both = [lanes.rest(), lanes.rest()]
  await expect(both[0]).rejects.toThrow('wrong')
  await expect(both[1]).rejects.toThrow('wrong')
})

it('looks at nothing when all are over and none rests', () => {
  let looks = 0
  const lanes = new Lanes(1, async () => void looks++)
  lanes.over()
  expect(looks).toBe(0)
})
