import { expect, it } from 'vitest'
import { gather } from '../../../../agent/streams/gather.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { ManualClock, settle } from '../../../support/manual-clock.ts'

const bytes = (text: string) => Buffer.from(text)

/** A source that a test feeds. */
function feed() {
  const queue: (Uint8Array | Error | null)[] = []
  let wake = () => {}
  let returned = false
  const put = (item: Uint8Array | Error | null) => {
    queue.push(item)
    wake()
  }
  async function* read(): AsyncIterable<Uint8Array> {
    try {
      for (;;) {
        const item = queue.shift()
        if (item === null) return
        if (item instanceof Error) throw item
        if (item !== undefined) yield item
        else await new Promise<void>((resolve) => (wake = resolve))
      }
    } finally {
      returned = true
    }
  }
  return { source: read(), put, wasReturned: () => returned }
}

function collect(source: AsyncIterable<Uint8Array>) {
  const packets: string[] = []
  const done = (async () => {
    for await (const packet of source) packets.push(Buffer.from(packet).toString())
  })()
  return { packets, done }
}

it('bytes that come within the wait are one packet', async () => {
  const clock = new ManualClock()
  const { source, put } = feed()
  const { packets, done } = collect(gather(source, { clock, waitMs: 3, maxBytes: 100 }))
  put(bytes('a'))
  await clock.advance(1)
  put(bytes('b'))
  await clock.advance(1)
  expect(packets).toEqual([])
  await clock.advance(1)
  expect(packets).toEqual(['ab'])
  put(bytes('c'))
  await settle()
  put(null)
  await done
  expect(packets).toEqual(['ab', 'c'])
  expect(clock.sleeping).toBe(0)
})

it('a full packet does not wait, and no packet is larger than the most', async () => {
  const clock = new ManualClock()
  const { source, put } = feed()
  const { packets, done } = collect(gather(source, { clock, waitMs: 3, maxBytes: 4 }))
  put(bytes('abcdefghi'))
  await settle()
  expect(packets).toEqual(['abcd', 'efgh', 'i'])
  put(null)
  await done
})

it('what came before an error is passed on before it', async () => {
  const { source, put } = feed()
  const { packets, done } = collect(gather(source, { clock: new ManualClock(), waitMs: 3, maxBytes: 100 }))
  put(bytes('last words'))
  put(new Error('gone'))
  await expect(done).rejects.toThrow('gone')
  expect(packets).toEqual(['last words'])
})

it('a consumer that leaves ends the source', async () => {
  const { source, put, wasReturned } = feed()
  put(bytes('a'))
  put(bytes('b'))
  put(null)
  for await (const _ of gather(source, { clock: systemClock, waitMs: 1, maxBytes: 1 })) break
  await settle()
  expect(wasReturned()).toBe(true)
})
