import { beforeEach, describe, expect, it } from 'vitest'
import { Pulse } from '../../../agent/pulse.ts'
import { DomainControlState, type LibvirtPool } from '../../../lib/libvirt/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'

interface Monitor {
  readonly state: number
  readonly details: number
  readonly stateTime: bigint
}

const WAITS: Monitor = { state: DomainControlState.OCCUPIED, details: 0, stateTime: 6_000n }
const OK: Monitor = { state: DomainControlState.OK, details: 0, stateTime: 0n }

let clock: ManualClock
let stopping: AbortController
/** Of each domain, what libvirt says of its monitor. */
let monitors: Map<string, Monitor>
/** Whether the bulk question is answered. */
let answers: boolean
let asked: { stats: number; info: number }
let told: string[]
let pulse: Pulse
let watching: Promise<void>

beforeEach(() => {
  clock = new ManualClock()
  stopping = new AbortController()
  monitors = new Map([
    ['a', OK],
    ['b', OK],
    ['theirs', WAITS],
  ])
  answers = true
  asked = { stats: 0, info: 0 }
  told = []
  const call = async (name: string, args: { dom?: { uuid: string } }) => {
    if (name === 'ConnectListAllDomains') return { domains: [...monitors.keys()].map((uuid) => ({ name: uuid, uuid })) }
    if (name === 'DomainGetControlInfo') {
      asked.info++
      return monitors.get(args.dom?.uuid ?? '')
    }
    asked.stats++
    return answers ? { retStats: [] } : new Promise(() => undefined)
  }
  pulse = new Pulse({
    libvirt: { call } as unknown as Pick<LibvirtPool, 'call'>,
    clock,
    isOurs: (uuid) => uuid !== 'theirs',
    onChange: (uuid, silent) => told.push(`${uuid} ${silent ? 'silent' : 'answers'}`),
  })
  watching = pulse.watch(stopping.signal)
})

async function stop(): Promise<void> {
  stopping.abort(new Error('stopping'))
  await clock.advance(60_000)
  await watching
}

describe('QEMUs that do not answer', () => {
  it('cost one question per round while there are none', async () => {
    await clock.advance(60_000)
    expect([asked.stats, asked.info, told]).toEqual([4, 0, []])
    await stop()
  })

  it('are told once, those of ours alone, and once when they answer again', async () => {
    answers = false
    monitors.set('b', WAITS)
    await clock.advance(26_000)
    expect([told, pulse.isSilent('b'), pulse.isSilent('a'), pulse.silent]).toEqual([['b silent'], true, false, 1])
    await clock.advance(600_000)
    expect(told).toEqual(['b silent'])
    // Beside the one that was answered, three hold a worker of libvirt's, however long it lasts.
    expect(asked.stats).toBe(1 + 3)
    answers = true
    monitors.set('b', OK)
    await clock.advance(10_000)
    expect([told, pulse.silent]).toEqual([['b silent', 'b answers'], 0])
    await stop()
  })

  it('are no longer told of when they have ended', async () => {
    answers = false
    monitors.set('a', WAITS)
    await clock.advance(26_000)
    monitors.delete('a')
    await clock.advance(10_000)
    expect(told).toEqual(['a silent', 'a answers'])
    await stop()
  })

  it('are none where libvirt only has a long job, or was slow', async () => {
    answers = false
    monitors.set('a', { ...WAITS, stateTime: 100n })
    await clock.advance(120_000)
    expect(told).toEqual([])
    await stop()
  })
})
