// A transfer at the source from its beginning to its end: what the target is asked, and with which of libvirt's cookies.
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { type MoveBinding, Records } from '../../../../agent/migration/records.ts'
import { SourceMoves } from '../../../../agent/migration/source.ts'
import { systemClock } from '../../../../lib/clock.ts'
import {
  ConnectDomainEventBlockJobStatus as DiskJob,
  DomainEventType,
  LibvirtError,
  toParams,
} from '../../../../lib/libvirt/index.ts'
import type { Telling } from '../../../../lib/store/store.ts'
import type { HandoverAsk } from '../../../../schemas/index.ts'
import { waitFor } from '../../../support/wait.ts'

const uid = '11111111-2222-4333-8444-555555555555'
const dom = { name: 'default.web', uuid: uid, id: 1 } as never
const WHO = '<name>default.web</name><uuid>u</uuid><hostname>h1</hostname><hostuuid>h</hostuuid>'
const BEGUN = Buffer.from(
  `<qemu-migration>${WHO}<feature name='lockstate'/><nbd><disk target='sda'/></nbd></qemu-migration>\0`,
)
const PERFORMED = Buffer.from('performed')
const RUNNING = { state: 1, reason: 5 }
/** virDomainJobOperation. */
const MIGRATION_OUT = 5
const STOPPED = { kind: 'lifecycle', event: DomainEventType.SUSPENDED, detail: 1 }
const LET_GO_ON = { kind: 'lifecycle', event: DomainEventType.RESUMED, detail: 0 }

interface Trouble {
  readonly postCopy?: boolean
  /** What the target says when it is asked to finish. */
  readonly answer?: 'Committed' | 'Failed'
  /** So long it does not. */
  readonly answerMs?: number
  /** Looks at which libvirt has a job of the guest, which runs here. */
  readonly jobs?: number
  /** Before Transferring is on disk. */
  readonly noting?: () => Promise<void>
  /** libvirt takes no connection. */
  readonly closed?: boolean
}

function world(disks: readonly string[], trouble: Trouble = {}) {
  const {
    postCopy = false,
    answer = 'Committed',
    answerMs = 0,
    jobs,
    noting = async () => undefined,
    closed = false,
  } = trouble
  const order: string[] = []
  /** Phases that watchers may be told later. */
  const late: string[] = []
  const asked: HandoverAsk[] = []
  const waiting: ((event: object) => void)[] = []
  let looks = 0
  let perform: () => void = () => undefined
  let binding = {
    metadata: { name: uid, uid: 'binding' },
    spec: {
      subject: { resource: 'virtualmachines', namespace: 'default', name: 'web', uid },
      migration: { id: 'm', side: 'Source', peer: { node: 'h2', url: 'https://h2' }, options: { postCopy } },
    },
  } as unknown as MoveBinding
  const answers: Readonly<Record<string, () => unknown>> = {
    DomainMigrateBegin3Params: () => ({ xml: '<domain/>', cookieOut: BEGUN }),
    DomainMigratePerform3Params: () =>
      new Promise((resolve) => {
        perform = () => resolve({ cookieOut: PERFORMED })
      }),
    DomainGetJobStats: () =>
      looks++ < (jobs ?? 0)
        ? { type: 2, params: toParams({ operation: MIGRATION_OUT, data_processed: 1n }) }
        : { type: 0, params: [] },
    DomainGetState: () => {
      if (jobs !== undefined) return RUNNING
      throw new LibvirtError('DomainGetState', { code: 42, domain: 0, message: 'no domain', level: 2 } as never)
    },
  }
  const call = async (name: string) => {
    order.push(name)
    return (answers[name]?.() ?? {}) as never
  }
  async function* events(_kinds: readonly string[], { signal }: { readonly signal: AbortSignal }) {
    order.push('subscribe')
    while (!signal.aborted)
      yield await new Promise<object>((resolve) => {
        waiting.push(resolve)
        signal.addEventListener('abort', () => resolve({ kind: 'over' }), { once: true })
      })
  }
  const records = new Records({
    reader: { get: () => binding, list: () => [binding] } as never,
    clock: systemClock,
    resources: {
      modifyStatus: async (
        _: string,
        __: unknown,
        change: (status: unknown, object: unknown) => unknown,
        { watchWithinMs = 0 }: Telling = {},
      ) => {
        const status = change(binding.status, binding) as NonNullable<MoveBinding['status']>
        if (status.migration?.phase === 'Transferring') await noting()
        binding = { ...binding, status }
        order.push(status.migration?.phase ?? '')
        if (watchWithinMs > 0) late.push(status.migration?.phase ?? '')
        return binding as never
      },
    } as never,
  })
  const moves = new SourceMoves({
    libvirt: {
      call,
      events,
      dedicated: async () => {
        if (closed) throw new Error('libvirt takes no connection')
        return { call, close: async () => void order.push('close') }
      },
    } as never,
    records,
    peers: {
      ask: async (_peer, ask) => {
        asked.push(ask)
        order.push(`ask ${ask.ask}`)
        if (ask.ask === 'prepare') return { phase: 'Prepared', address: 'tcp:10.0.0.2:49152', cookie: '' }
        if (ask.ask === 'finish') await systemClock.sleep(answerMs)
        return { phase: ask.ask === 'finish' ? answer : 'Prepared' }
      },
    },
    clock: systemClock,
    log: pino({ level: 'silent' }),
    tls: false,
    luggage: async () => ({ disks, bytes: 1 }),
    bandwidthMiBps: 0,
  })
  const start = () => moves.begin(binding, dom, new AbortController().signal, () => order.push('end'))
  const begin = async () => {
    start()
    const isWatched = () => postCopy || waiting.length > 0
    await waitFor('a transfer', 10, () => order.includes('DomainMigratePerform3Params') && isWatched())
  }
  const tell = async (event: object) => {
    waiting.at(-1)?.(event)
    await systemClock.sleep(20)
  }
  const loads = () =>
    asked.filter(({ ask }) => ask === 'load').map(({ cookie = '' }) => Buffer.from(cookie, 'base64').toString('utf8'))
  const performed = () => perform()
  const settled = () => moves.settled()
  const end = async () => {
    performed()
    await moves.settled()
  }
  return { order, late, start, settled, begin, tell, loads, performed, end }
}

it('begins at libvirt while it notes that it sends, and asks the target for nothing before that is on disk', async () => {
  let noted: () => void = () => undefined
  const noting = () =>
    new Promise<void>((resolve) => {
      noted = resolve
    })
  const one = world([], { noting })
  one.start()
  await systemClock.sleep(20)
  expect(one.order).toEqual(['DomainMigrateBegin3Params'])
  noted()
  await waitFor('a transfer', 10, () => one.order.includes('DomainMigratePerform3Params'))
  expect(one.order.slice(0, 3)).toEqual(['DomainMigrateBegin3Params', 'Transferring', 'ask prepare'])
  await one.end()
})

it('asks the target for nothing, and ends what it began, when that cannot be noted', async () => {
  const one = world([], { noting: async () => Promise.reject(new Error('the disk is full')) })
  one.start()
  await one.settled()
  expect(one.order).toEqual(['DomainMigrateBegin3Params', 'close', 'end'])
})

it('is over, where libvirt takes no connection, when nothing is being written any more', async () => {
  const one = world([], { closed: true, noting: () => systemClock.sleep(30) })
  one.start()
  await one.settled()
  expect(one.order).toEqual(['Transferring', 'end'])
})

it('has the guest made ready when it is stopped, with no cookie: no disk is on its way', async () => {
  const one = world([])
  await one.begin()
  await one.tell(STOPPED)
  expect(one.loads()).toEqual([''])
  // Beside what is still sent: the target is asked at once when that has ended.
  expect(one.order.at(-1)).toBe('Finishing')
  await one.end()
  expect(one.loads()).toEqual([''])
  expect(one.order.filter((word) => word === 'Finishing')).toHaveLength(1)
  const at = (word: string) => one.order.indexOf(word)
  expect(at('ask load')).toBeLessThan(at('Finishing'))
  expect(at('Finishing')).toBeLessThan(at('ask finish'))
  expect(at('ask finish')).toBeLessThan(at('DomainMigrateConfirm3Params'))
  expect(one.order.slice(-3)).toEqual(['Cleaned', 'close', 'end'])
  expect(one.late).toEqual(['Finishing', 'Committed'])
})

it('tells of disks that came along by what Begin said of them, once nothing of them is missing', async () => {
  const one = world(['sda'])
  await one.begin()
  await one.tell(STOPPED)
  expect(one.loads()).toEqual([])
  await one.tell({ kind: 'blockJob', dst: 'sda', status: DiskJob.COMPLETED })
  const [told = ''] = one.loads()
  expect(told).toContain('<nbd>')
  expect(told).not.toContain('feature')
  await one.end()
  expect(one.loads()).toHaveLength(1)
})

it('tells it by the cookie of Perform when it has not seen the guest stop', async () => {
  const one = world(['sda'])
  await one.begin()
  await one.end()
  expect(one.loads()).toEqual(['performed'])
  expect(one.order.indexOf('Finishing')).toBeLessThan(one.order.indexOf('ask finish'))
})

it('a post-copy that the target has not taken is Failed when libvirt has let the machine go, not before', async () => {
  const one = world([], { postCopy: true, answer: 'Failed', jobs: 1 })
  await one.begin()
  await one.end()
  const told = one.order.slice(one.order.indexOf('ask finish') + 1).filter((word) => !word.startsWith('DomainGet'))
  expect(told).toEqual(['DomainMigrateConfirm3Params', 'DomainAbortJob', 'Failed', 'close', 'end'])
})

it.each([
  ['libvirt tells of it', LET_GO_ON],
  ['events may have been lost', { kind: 'dropped', count: 1 }],
  ['libvirt was away', { kind: 'reconnected' }],
])('stops a guest that QEMU lets go on at once when %s', async (_title, event) => {
  const one = world([], { postCopy: true, answer: 'Failed', answerMs: 800, jobs: 0 })
  await one.begin()
  one.performed()
  await waitFor('the question', 10, () => one.order.includes('ask finish'))
  expect(one.order.indexOf('subscribe')).toBeLessThan(one.order.indexOf('ask finish'))
  // An event that says nothing of that is no reason to look.
  await one.tell(STOPPED)
  expect(one.order).not.toContain('DomainGetState')
  await one.tell(event)
  expect(one.order.at(-1)).toBe('DomainSuspend')
  await one.end()
  expect(one.order.indexOf('DomainSuspend')).toBeLessThan(one.order.indexOf('Failed'))
})

it('stops a guest that QEMU lets go on while the target has not said whether it has it, also when libvirt tells nothing', async () => {
  const one = world([], { postCopy: true, answer: 'Failed', answerMs: 1_200, jobs: 0 })
  await one.begin()
  await one.end()
  const [asked, stopped, failed] = ['ask finish', 'DomainSuspend', 'Failed'].map((each) => one.order.indexOf(each))
  expect(asked).toBeGreaterThan(0)
  expect(stopped).toBeGreaterThan(asked ?? 0)
  expect(failed).toBeGreaterThan(stopped ?? 0)
})
