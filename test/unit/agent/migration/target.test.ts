// The order in which a target decides: what libvirt is asked, what is on disk, what is told. Against a libvirt that only remembers.
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { type MoveBinding, Records } from '../../../../agent/migration/records.ts'
import { TargetMoves } from '../../../../agent/migration/target.ts'
import { systemClock } from '../../../../lib/clock.ts'
import { DomainUndefineFlagsValues } from '../../../../lib/libvirt/index.ts'
import type { Telling } from '../../../../lib/store/store.ts'
import type { BindingMigrationStatus, HostBinding } from '../../../../schemas/index.ts'
import { waitFor } from '../../../support/wait.ts'

const uid = '11111111-2222-4333-8444-555555555555'
const XML = `<domain type='qemu'><name>default.web</name><uuid>${uid}</uuid><memory unit='KiB'>1024</memory><devices/></domain>`
const { KEEP_NVRAM } = DomainUndefineFlagsValues
const PAUSED = { state: 3, reason: 1 }

interface World {
  readonly moves: TargetMoves
  readonly records: Records
  readonly binding: () => MoveBinding
  /** libvirt's calls and the phases that reached the disk, in their order. */
  readonly order: string[]
  told(): BindingMigrationStatus | undefined
}

/** `answers`: instead of what libvirt says usually. `slowly`: a phase that takes long to be written. */
function world(
  answers: Readonly<Record<string, () => unknown>> = {},
  slowly: string | null = null,
  options: object = {},
  more: object = {},
): World {
  const order: string[] = []
  let binding = {
    metadata: { name: uid, uid: 'binding' },
    spec: {
      subject: { resource: 'virtualmachines', namespace: 'default', name: 'web', uid },
      role: 'Target',
      epoch: 2,
      migration: { id: 'm', side: 'Target', peer: { node: 'h1', url: 'https://h1' }, epoch: 2, options, ...more },
    },
    status: { migration: { id: 'm', phase: 'Prepared' } },
  } as unknown as HostBinding
  const usual: Readonly<Record<string, () => unknown>> = {
    DomainMigratePrepare3Params: () => ({ uriOut: 'tcp:127.0.0.1:49152', cookieOut: new Uint8Array() }),
    DomainMigrateFinish3Params: () => ({ cookieOut: new Uint8Array([7]) }),
    DomainGetState: () => PAUSED,
    DomainGetJobStats: () => ({ type: 0, params: [] }),
  }
  const call = async (name: string, args: { readonly cookieIn?: Uint8Array; readonly flags?: number }) => {
    order.push(name)
    if (name === 'DomainUndefineFlags') order.push(`keeps variables: ${((args.flags ?? 0) & KEEP_NVRAM) !== 0}`)
    if (name === 'DomainMigrateFinish3Params') order.push(`cookie ${args.cookieIn?.join(' ') ?? ''}`)
    return ((answers[name] ?? usual[name])?.() ?? {}) as never
  }
  const records = new Records({
    reader: { get: () => binding, list: () => [binding] } as never,
    clock: systemClock,
    resources: {
      modifyStatus: async (
        _resource: string,
        _target: unknown,
        change: (status: unknown, object: unknown) => unknown,
        { watchWithinMs = 0 }: Telling = {},
      ) => {
        const status = change(binding.status, binding) as NonNullable<HostBinding['status']>
        const phase = status.migration?.phase ?? ''
        if (phase === slowly) await systemClock.sleep(50)
        binding = { ...binding, status }
        order.push(phase)
        if (watchWithinMs > 0) order.push(`${phase} is told later`)
        return binding as never
      },
    } as never,
  })
  const moves = new TargetMoves({
    libvirt: {
      call,
      warm: () => undefined,
      dedicated: async () => {
        answers.dedicated?.()
        return { call, close: async () => undefined, ended: new Promise(() => undefined) }
      },
    } as never,
    records,
    files: {
      prepare: async () => undefined,
      locate: (_binding, path) => path,
      luggage: () => [],
      discard: async () => void order.push('discard'),
    },
    clock: systemClock,
    log: pino({ level: 'silent' }),
    tls: false,
    address: () => '127.0.0.1',
  })
  return { moves, records, order, binding: () => binding as MoveBinding, told: () => binding.status?.migration }
}

const signal = new AbortController().signal

const prepare = ({ moves }: World) =>
  moves.answer(uid, { uid, id: 'm', ask: 'prepare', xml: XML, cookie: 'AQ==' }, signal)
const load = ({ moves }: World) => moves.answer(uid, { uid, id: 'm', ask: 'load' }, signal)
async function finish(world: World) {
  await prepare(world)
  return await ask(world)
}
const ask = ({ moves }: World) =>
  moves.answer(uid, { uid, id: 'm', ask: 'finish', cookie: 'Ag==', pausedMs: 40 }, signal)

it('lets the guest run only after the decision is on disk, and answers then', async () => {
  for (const slowly of [null, 'Committed']) {
    const one = world({}, slowly)
    expect(await finish(one)).toMatchObject({ phase: 'Committed', cookie: 'Bw==' })
    const at = (word: string) => one.order.indexOf(word)
    expect(at('DomainMigrateFinish3Params')).toBeLessThan(at('Committed'))
    expect(at('Committed')).toBeLessThan(at('DomainResume'))
  }
})

/** A libvirt that lets the guest run only when `runs` is called. */
function slowToRun() {
  let runs: () => void = () => undefined
  const running = new Promise<void>((resolve) => {
    runs = resolve
  })
  return { runs, one: world({ DomainResume: () => running, DomainGetState: () => ({ state: 1, reason: 1 }) }) }
}

it('tells the source when the guest runs: what the source does then takes no processor from it before', async () => {
  const { one, runs } = slowToRun()
  const answer = finish(one)
  await waitFor('the order', 10, () => one.order.includes('DomainResume'))
  expect(await Promise.race([answer, systemClock.sleep(50).then(() => 'not yet')])).toBe('not yet')
  runs()
  expect(await answer).toMatchObject({ phase: 'Committed', cookie: 'Bw==' })
})

it('tells the source all the same when libvirt takes long to let the guest run: nobody else comes to it before that', async () => {
  const { one, runs } = slowToRun()
  expect(await finish(one)).toMatchObject({ phase: 'Committed', cookie: 'Bw==' })
  const settling = one.moves.settle(uid, signal)
  await systemClock.sleep(20)
  expect(one.order.at(-1)).toBe('DomainResume')
  expect(one.told()?.endTime).toBeUndefined()
  runs()
  await settling
  expect(one.told()).toMatchObject({ phase: 'Committed', progress: { percent: 100 } })
  expect(one.told()?.progress?.downtimeMs).toBeGreaterThanOrEqual(60)
})

it('writes the rest down after it has answered', async () => {
  const one = world()
  await finish(one)
  // What others make of the decision takes no processor from letting the guest run: they are told by what is written then.
  expect(one.order).toContain('Committed is told later')
  await waitFor('the end', 10, () => one.told()?.endTime !== undefined)
  expect(one.order.at(-1)).toBe('Committed')
  expect(one.told()).toMatchObject({ phase: 'Committed', progress: { percent: 100 } })
  expect(one.told()?.progress?.downtimeMs).toBeGreaterThanOrEqual(40)
  expect(one.order).toContain('DomainDefineXMLFlags')
})

it('has the guest made ready while its last part comes, and decides nothing before it is asked to', async () => {
  const one = world()
  await prepare(one)
  expect(await load(one)).toMatchObject({ phase: 'Prepared' })
  await waitFor('libvirt’s Finish', 10, () => one.order.includes('DomainMigrateFinish3Params'))
  expect(one.order).not.toContain('Committed')
  expect(one.order).not.toContain('DomainResume')
  expect(await ask(one)).toMatchObject({ phase: 'Committed', cookie: 'Bw==' })
  // Once, before the source’s libvirt had its last word.
  expect(one.order.filter((word) => word.startsWith('cookie'))).toEqual(['cookie '])
  expect(one.order.indexOf('Committed')).toBeLessThan(one.order.indexOf('DomainResume'))
})

it('gives up a guest that is ready and that the source has kept', async () => {
  const one = world()
  await prepare(one)
  await load(one)
  expect(await one.moves.answer(uid, { uid, id: 'm', ask: 'abort' }, signal)).toMatchObject({ phase: 'Failed' })
  expect(one.order).not.toContain('DomainResume')
  expect(one.order.indexOf('Failed')).toBeLessThan(one.order.indexOf('DomainDestroyFlags'))
  expect(await ask(one)).toMatchObject({ phase: 'Failed' })
  expect(one.told()?.phase).toBe('Failed')
})

it('ends a QEMU that was being started when the machine was taken back: nobody will send it a guest', async () => {
  let starts: () => void = () => undefined
  const starting = new Promise<object>((resolve) => {
    starts = () => resolve({ uriOut: 'tcp:127.0.0.1:49152', cookieOut: new Uint8Array() })
  })
  const one = world({ DomainMigratePrepare3Params: () => starting })
  const prepared = prepare(one)
  await waitFor('libvirt’s Prepare', 10, () => one.order.includes('DomainMigratePrepare3Params'))
  const cleared = one.moves.clear(uid)
  starts()
  await Promise.all([prepared, cleared])
  expect(one.order.at(-1)).toBe('cookie ')
  expect(one.moves.isIncoming(uid)).toBe(false)
})

it('leaves a guest that is arriving to whoever decides about it', async () => {
  const one = world()
  await prepare(one)
  await load(one)
  await one.moves.clear(uid)
  expect(one.moves.isIncoming(uid)).toBe(true)
  expect(await ask(one)).toMatchObject({ phase: 'Committed' })
})

it('says that the guest did not come when that showed before it was asked', async () => {
  const one = world({
    DomainMigrateFinish3Params: () => {
      throw new Error('cut')
    },
  })
  await prepare(one)
  await load(one)
  expect(await ask(one)).toMatchObject({ phase: 'Failed', message: 'cut' })
  expect(one.order).not.toContain('DomainResume')
})

it('does not run a guest that did not come, and says Failed before its QEMU is ended', async () => {
  const one = world({
    DomainMigrateFinish3Params: () => {
      throw new Error('no guest')
    },
  })
  expect(await finish(one)).toMatchObject({ phase: 'Failed', reason: 'TargetFailed', message: 'no guest' })
  expect(one.order).not.toContain('DomainResume')
  expect(one.order).not.toContain('Committed')
  expect(one.order.indexOf('Failed')).toBeLessThan(one.order.indexOf('DomainDestroyFlags'))
})

it('says No, and why, when its libvirt is not there', async () => {
  const gone = () => {
    throw new Error('cannot connect to libvirt')
  }
  const one = world({ dedicated: gone, DomainGetState: gone })
  const ask = { uid, id: 'm', ask: 'prepare', xml: XML, cookie: '' } as const
  const no = { phase: 'Failed', reason: 'TargetPreparingFailed', message: 'cannot connect to libvirt' }
  expect(await one.moves.answer(uid, ask, signal)).toMatchObject(no)
})

it('says that it has the machine even when it could not let it run at once, and tries again', async () => {
  let times = 0
  const one = world({
    DomainResume: () => {
      if (times++ === 0) throw new Error('busy')
    },
  })
  expect(await finish(one)).toMatchObject({ phase: 'Committed' })
  await waitFor('the end', 10, () => one.told()?.endTime !== undefined)
  expect(times).toBe(2)
})

it('takes back nothing that was decided: one that is called off afterwards runs on', async () => {
  const one = world()
  await finish(one)
  expect(await one.moves.answer(uid, { uid, id: 'm', ask: 'abort' }, signal)).toMatchObject({ phase: 'Committed' })
  expect(one.order).not.toContain('Failed')
})

const BY_POST_COPY = { state: 1, reason: 10 }
const WHOLE = { state: 1, reason: 2 }
it.each([
  ['a guest that waits for the rest of its memory without end', [BY_POST_COPY], 'PostCopyFailed'],
  ['one that was whole already', [WHOLE], undefined],
  ['one that was whole, which libvirt says a moment later', [BY_POST_COPY, WHOLE], undefined],
])('post-copy whose source is gone: %s', async (_title, states, reason) => {
  let looks = 0
  const answers = {
    DomainMigrateFinish3Params: () => new Promise(() => undefined),
    DomainGetState: () => states[Math.min(looks++, states.length - 1)],
  }
  const one = world(answers, null, { postCopy: true })
  const finishing = finish(one)
  await waitFor('libvirt’s wait', 10, () => one.order.includes('DomainMigrateFinish3Params'))
  expect(await one.moves.answer(uid, { uid, id: 'm', ask: 'state' }, signal)).toMatchObject({ phase: 'Finishing' })
  expect(await one.moves.answer(uid, { uid, id: 'm', ask: 'lost' }, signal)).toMatchObject({ phase: 'Committed' })
  expect(await finishing).toMatchObject({ phase: 'Committed' })
  expect(one.told()?.reason).toBe(reason)
  expect(one.order.includes('DomainDestroyFlags')).toBe(reason !== undefined)
  // It is started anew here, from its disks and with the variables of its firmware.
  expect(one.order.includes('keeps variables: true')).toBe(reason !== undefined)
  expect(one.told()?.endTime).toBeDefined()
})

it.each([
  ['was given up', { postCopy: true }, { resolution: 'KeepTarget' }, 'PostCopyFailed'],
  ['may still send', { postCopy: true }, {}, undefined],
])('a guest that waits for its source, which %s', async (_title, options, more, reason) => {
  const answers = { DomainMigrateFinish3Params: () => new Promise(() => undefined), DomainGetState: () => BY_POST_COPY }
  const one = world(answers, null, options, more)
  const finishing = finish(one)
  await waitFor('libvirt’s wait', 10, () => one.order.includes('DomainMigrateFinish3Params'))
  one.moves.heed(one.binding())
  if (reason !== undefined) expect(await finishing).toMatchObject({ phase: 'Committed' })
  expect(one.told()?.reason).toBe(reason)
  expect(one.order.includes('DomainDestroyFlags')).toBe(reason !== undefined)
})

it.each([
  ['is gone', { state: 5, reason: 2 }, 'PostCopyFailed'],
  ['runs, and is whole', WHOLE, undefined],
  ['has powered itself off since, and was whole', { state: 5, reason: 1 }, undefined],
])('a post-copy that an agent left as Committed, whose guest %s', async (_title, state, reason) => {
  const one = world({ DomainGetState: () => state }, null, { postCopy: true })
  await one.records.write(uid, 'm', 'Committed')
  expect(await one.moves.settle(uid, signal)).toBe('settled')
  expect(one.told()).toMatchObject({ phase: 'Committed', ...(reason === undefined ? {} : { reason }) })
  expect(one.told()?.reason).toBe(reason)
  expect(one.told()?.endTime).toBeDefined()
})

it.each([
  ['with a QEMU that waits', prepare],
  ['whose QEMU an earlier agent took along', async () => undefined],
])(
  'a post-copy whose source has lost its part is given up by a target that has decided nothing, %s',
  async (_title, before) => {
    const one = world({}, null, { postCopy: true })
    await before(one)
    expect(await one.moves.answer(uid, { uid, id: 'm', ask: 'lost' }, signal)).toMatchObject({ phase: 'Failed' })
    expect(one.told()).toMatchObject({ phase: 'Failed', reason: 'Aborted' })
    expect(one.order).not.toContain('DomainResume')
  },
)
