// The watch over a transfer, against a libvirt that does what the test says.
import { pino } from 'pino'
import { expect, it } from 'vitest'
import type { MoveBinding, Records } from '../../../../agent/migration/records.ts'
import { Stopped, watchTransfer } from '../../../../agent/migration/transfer.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { ConnectDomainEventBlockJobStatus as DiskJob, DomainEventType } from '../../../../lib/libvirt/index.ts'
import { waitFor } from '../../../support/wait.ts'

const uid = '11111111-2222-4333-8444-555555555555'
const dom = { name: 'default.web', uuid: uid, id: 1 }
const STATS = [
  { field: 'operation', value: { type: 'int', value: 5 } },
  { field: 'data_total', value: { type: 'ullong', value: 1_000n } },
  { field: 'data_remaining', value: { type: 'ullong', value: 500n } },
]

/** Ticks come every few milliseconds. */
/** `disk`: what the word that the guest is stopped waits for. */
function transfer(options: object = {}, disks: readonly string[] = [], disk = async (): Promise<void> => undefined) {
  const phases: string[] = []
  const calls: string[] = []
  let tell: (event: object) => void = () => undefined
  let end: { resolve: (value: { cookieOut: Uint8Array }) => void; reject: (error: Error) => void } | null = null
  const performing = new Promise<{ cookieOut: Uint8Array }>((resolve, reject) => {
    end = { resolve, reject }
  })
  const binding = { metadata: { name: uid }, spec: { migration: { id: 'm', options } } } as unknown as MoveBinding
  let wish: MoveBinding = binding
  async function* events(_kind: string, { signal }: { signal: AbortSignal }) {
    while (!signal.aborted)
      yield await new Promise<object>((resolve) => {
        tell = resolve
        signal.addEventListener('abort', () => resolve({ kind: 'over' }), { once: true })
      })
  }
  const watching = watchTransfer(
    {
      libvirt: {
        events,
        call: async (name: string) => {
          calls.push(name)
          if (name === 'DomainAbortJob') end?.reject(new Error('aborted'))
          return { type: 1, params: STATS }
        },
      } as never,
      records: {
        get: () => wish,
        write: async (_uid: string, _id: string, phase: string) => {
          if (phase === 'Finishing') await disk()
          phases.push(phase)
        },
      } as unknown as Records,
      clock: {
        ...systemClock,
        now: systemClock.now,
        monotonic: systemClock.monotonic,
        sleep: (_ms, signal) => systemClock.sleep(5, signal),
      },
      log: pino({ level: 'silent' }),
    },
    {
      binding,
      dom,
      performing,
      bytes: 1_000,
      disks,
      onLast: () => phases.push('last'),
      signal: new AbortController().signal,
    },
  )
  watching.catch(() => undefined)
  return {
    watching,
    phases,
    calls,
    suspend: (detail: number) => tell({ kind: 'lifecycle', event: DomainEventType.SUSPENDED, detail }),
    disk: (dst: string, status: number) => tell({ kind: 'blockJob', dst, status }),
    sent: () => end?.resolve({ cookieOut: new Uint8Array([1]) }),
    fails: () => end?.reject(new Error('the line is cut')),
    cancel: () => {
      wish = { ...binding, spec: { ...binding.spec, migration: { ...binding.spec.migration, cancel: true } } }
    },
  }
}

it('tells that the guest was stopped for the last of it, notes it, and writes nothing after that', async () => {
  const one = transfer()
  await waitFor('progress', 10, () => one.phases.length > 0)
  one.suspend(1)
  await waitFor('the note', 10, () => one.phases.includes('Finishing'))
  const looks = one.calls.length
  await waitFor('more looks', 10, () => one.calls.length > looks + 2)
  expect(one.phases.slice(-2)).toEqual(['last', 'Finishing'])
  one.sent()
  expect(await one.watching).toMatchObject({
    cookie: new Uint8Array([1]),
    stoppedAt: expect.any(Number),
    noted: true,
  })
})

it('sees a stop that is told in the same moment as the end', async () => {
  const one = transfer()
  await waitFor('progress', 10, () => one.phases.length > 0)
  setImmediate(one.sent)
  setImmediate(() => one.suspend(1))
  expect(await one.watching).toMatchObject({ stoppedAt: expect.any(Number), noted: true })
})

it('ends, well or not, only when nothing is being written any more', async () => {
  for (const end of ['sent', 'fails'] as const) {
    let written: () => void = () => undefined
    const disk = new Promise<void>((resolve) => {
      written = resolve
    })
    const one = transfer({}, [], () => disk)
    await waitFor('progress', 10, () => one.phases.length > 0)
    one.suspend(1)
    await waitFor('the word', 10, () => one.phases.includes('last'))
    one[end]()
    const over = one.watching.catch(() => undefined)
    expect(await Promise.race([over, systemClock.sleep(20).then(() => 'not yet')])).toBe('not yet')
    written()
    await over
    expect(one.phases.at(-1)).toBe('Finishing')
  }
})

it('asks nothing of libvirt any more, and calls nothing off, when all was sent and the note is still being written', async () => {
  let written: () => void = () => undefined
  const disk = new Promise<void>((resolve) => {
    written = resolve
  })
  const one = transfer({}, [], () => disk)
  one.suspend(1)
  await waitFor('the word', 10, () => one.phases.includes('last'))
  one.sent()
  await systemClock.sleep(20)
  const asked = one.calls.length
  one.cancel()
  await systemClock.sleep(50)
  expect(one.calls).toHaveLength(asked)
  written()
  expect(await one.watching).toMatchObject({ noted: true })
})

it('says when the note could not be written', async () => {
  const one = transfer({}, [], () => Promise.reject(new Error('the disk is full')))
  await waitFor('progress', 10, () => one.phases.length > 0)
  one.suspend(1)
  await waitFor('the word', 10, () => one.phases.includes('last'))
  one.sent()
  expect(await one.watching).toMatchObject({ noted: false })
})

it('tells it with disks when these are there as well', async () => {
  const one = transfer({}, ['sda', 'sdb'])
  await waitFor('progress', 10, () => one.phases.length > 0)
  const events = [
    () => one.disk('sda', DiskJob.READY),
    () => one.suspend(1),
    () => one.disk('sdb', DiskJob.COMPLETED),
    () => one.disk('sda', DiskJob.FAILED),
  ]
  for (const event of events) {
    event()
    await systemClock.sleep(20)
    expect(one.phases).not.toContain('last')
  }
  one.disk('sda', DiskJob.COMPLETED)
  await waitFor('the word', 10, () => one.phases.includes('last'))
  one.sent()
  expect(await one.watching).toMatchObject({ stoppedAt: expect.any(Number) })
})

it('takes a guest that somebody else has paused for no such thing', async () => {
  const one = transfer()
  one.suspend(0)
  await waitFor('progress', 10, () => one.phases.length > 3)
  one.sent()
  expect(await one.watching).toMatchObject({ stoppedAt: null, noted: false })
  expect(new Set(one.phases)).toEqual(new Set(['Transferring']))
})

it('does not tell it with post-copy, whose guest runs at the target long before the end', async () => {
  const one = transfer({ postCopy: true })
  one.suspend(1)
  await waitFor('progress', 10, () => one.phases.length > 3)
  one.sent()
  await one.watching
  expect(one.phases).not.toContain('last')
})

it('ends what is called off, and passes on what failed by itself', async () => {
  const off = transfer()
  off.cancel()
  await expect(off.watching).rejects.toThrow(Stopped)
  await expect(off.watching).rejects.toMatchObject({ reason: 'Aborted' })
  const cut = transfer()
  cut.fails()
  await expect(cut.watching).rejects.toThrow('the line is cut')
})
