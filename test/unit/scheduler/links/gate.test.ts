// What is asked of one agent: so much at a time, each with a deadline; a silent one is left alone.
import { expect, it } from 'vitest'
import { UnreachableError } from '../../../../lib/client/errors.ts'
import { ApiError } from '../../../../lib/errors.ts'
import { Gate } from '../../../../scheduler/links/gate.ts'
import { refusalOf } from '../../../../scheduler/links/refusal.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const never = () => new Promise<never>(() => undefined)
const signal = new AbortController().signal

it('gives up an agent that takes requests and never answers, and leaves it alone for a while', async () => {
  const clock = new ManualClock()
  const gate = new Gate({ node: 'h1', clock, deadlineMs: 1_000 })
  const hung = gate.run(never, signal)
  const told = expect(hung).rejects.toThrow(/h1.*no answer within 1 s/)
  await clock.advance(1_000)
  await told
  await expect(gate.run(async () => 1, signal)).rejects.toThrow(/asked again in 2 s/)
  await clock.advance(2_001)
  await expect(gate.run(async () => 1, signal)).resolves.toBe(1)
})

it('counts the time of each request by itself', async () => {
  const clock = new ManualClock()
  const gate = new Gate({ node: 'h1', clock, deadlineMs: 1_000 })
  const first = expect(gate.run(never, signal)).rejects.toThrow(/no answer within 1 s/)
  await clock.advance(600)
  let answer: (value: string) => void = () => undefined
  const inTime = gate.run(() => new Promise<string>((resolve) => (answer = resolve)), signal)
  const second = expect(gate.run(never, signal)).rejects.toThrow(/no answer within 1 s/)
  await clock.advance(400)
  await first
  answer('there')
  expect(await inTime).toBe('there')
  await clock.advance(599)
  const state = await Promise.race([second.then(() => 'over'), Promise.resolve('open')])
  expect(state).toBe('open')
  await clock.advance(1)
  await second
})

it('lets so many in at a time, and the next when one is done', async () => {
  const gate = new Gate({ node: 'h1', clock: new ManualClock(), parallel: 2 })
  const done: (() => void)[] = []
  let under = 0
  const work = () => {
    under += 1
    return new Promise<void>((resolve) =>
      done.push(() => {
        under -= 1
        resolve()
      }),
    )
  }
  const all = [1, 2, 3].map(() => gate.run(work, signal))
  await expect.poll(() => under).toBe(2)
  done.shift()?.()
  await expect.poll(() => done.length).toBe(2)
  for (const each of done) each()
  await Promise.all(all)
})

const conflict = (path: string) =>
  new ApiError('Conflict', 'no', { causes: [{ path, reason: 'FieldValueForbidden', message: 'no' }] })

it.each([
  ['a newer scheduler', conflict('spec.ruler.instance'), 'superseded'],
  ['a claim that was not heard', conflict('spec.ruler.term'), 'unclaimed'],
  ['a stale epoch', conflict('spec.epoch'), 'stale'],
  ['no room', conflict('spec'), 'unfit'],
  ['no room, from an agent that names no field', new ApiError('Conflict', 'no room'), 'unfit'],
  ['a field that the agent does not know', new ApiError('Invalid', 'unknown field'), 'unfit'],
  ['its database is full', new ApiError('ServiceUnavailable', 'full'), 'busy'],
  ['no right', new ApiError('Forbidden', 'no'), 'busy'],
  ['no answer', new UnreachableError('h1', new Error('gone')), 'silent'],
  ['a deadline', new ApiError('Timeout', 'late'), 'silent'],
])('%s', (_, error, kind) => {
  expect(refusalOf(error)).toBe(kind)
})
