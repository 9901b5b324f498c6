import { expect, it } from 'vitest'
import { inTime } from '../../../lib/in-time.ts'

/** The limit passes when the test says so. */
function world() {
  let pass: () => void = () => undefined
  const clock = {
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        pass = resolve
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
  }
  return { clock, pass: () => pass() }
}
const limit = { ms: 5, late: 'too late' }

it('is what the work comes to', async () => {
  const { signal } = new AbortController()
  await expect(inTime(world().clock, Promise.resolve(1), limit, signal)).resolves.toBe(1)
  await expect(inTime(world().clock, Promise.reject(new Error('broken')), limit, signal)).rejects.toThrow('broken')
})

it('ends at the limit, and when it is called off', async () => {
  const never = new Promise<never>(() => undefined)
  const late = world()
  const waiting = inTime(late.clock, never, limit, new AbortController().signal)
  late.pass()
  await expect(waiting).rejects.toThrow('too late')
  const off = new AbortController()
  const other = inTime(world().clock, never, limit, off.signal)
  off.abort(new Error('called off'))
  await expect(other).rejects.toThrow('called off')
})
