import { beforeEach, describe, expect, it } from 'vitest'
import { judgeFailure, LibvirtHealth, type LibvirtTrouble } from '../../../agent/libvirt-health.ts'
import {
  ConnectionLost,
  LibvirtError,
  type LibvirtPool,
  LibvirtSilent,
  LibvirtTimeout,
} from '../../../lib/libvirt/index.ts'
import { ManualClock } from '../../support/manual-clock.ts'

type Answer = () => Promise<unknown>

const answers: Answer = async () => ({ libVer: 9_000_000n })
const never: Answer = () => new Promise(() => undefined)
const lost = new ConnectionLost('no connection to libvirt', 'none', { cause: new Error('not connected') })
const away: Answer = () => Promise.reject(lost)

let clock: ManualClock
let light: Answer
let work: Answer
/** Why the pool has no connection. */
let problem: Error | null
let told: (string | null)[]
let blind: LibvirtTrouble[]
let health: LibvirtHealth

beforeEach(() => {
  clock = new ManualClock()
  light = answers
  work = answers
  problem = new Error('connect ENOENT /run/x')
  told = []
  blind = []
  const call = (_: string, __: object, options: { lane?: string }) => (options.lane === 'light' ? light() : work())
  health = new LibvirtHealth({
    libvirt: {
      call: call as unknown as LibvirtPool['call'],
      get problem() {
        return problem
      },
    },
    clock,
    onChange: (trouble) => told.push(trouble?.reason ?? null),
    onBlind: (trouble) => blind.push(trouble),
  })
  health.start()
})

describe('the health of libvirt', () => {
  it('says nothing while libvirt answers', async () => {
    await clock.advance(60_000)
    expect([told, blind, health.trouble()]).toEqual([[], [], null])
    expect(health.answerMs).toBe(0)
    await health.stop()
  })

  it('tells once that libvirt is away, once that nothing is certain any more, and once that it is back', async () => {
    await clock.advance(10_000)
    light = away
    await clock.advance(4_000)
    expect(told).toEqual(['LibvirtAway'])
    expect(health.trouble()?.message).toBe('libvirt is away: connect ENOENT /run/x; guests run on')
    expect(blind).toEqual([])
    await clock.advance(60_000)
    expect(blind).toHaveLength(1)
    light = answers
    await clock.advance(2_000)
    expect(told).toEqual(['LibvirtAway', null])
    expect(health.trouble()).toBeNull()
    await health.stop()
  })

  it('knows nothing before the first connection was made or refused', async () => {
    light = away
    problem = null
    await clock.advance(60_000)
    expect([told, health.trouble()]).toEqual([[], null])
    problem = new Error('connect ENOENT /run/x')
    await clock.advance(2_000)
    expect(told).toEqual(['LibvirtAway'])
    await health.stop()
  })

  it('tells a hang by the silence, with one question under way, and its end by the late answer', async () => {
    let asked = 0
    let answer: (value: unknown) => void = () => undefined
    light = () => {
      asked += 1
      return new Promise((resolve) => {
        answer = resolve
      })
    }
    await clock.advance(6_000)
    expect(told).toEqual([])
    await clock.advance(2_000)
    expect(told).toEqual(['LibvirtHangs'])
    await clock.advance(25_000)
    expect(blind).toHaveLength(1)
    expect(asked).toBe(1)
    light = answers
    answer({})
    await clock.advance(4_000)
    // The late answer itself was slow; the next one is not.
    expect(told).toEqual(['LibvirtHangs', 'LibvirtSlow', null])
    await health.stop()
  })

  it('is slow while ordinary work finds no worker, and libvirt is still there', async () => {
    work = never
    await clock.advance(14_000)
    expect(told).toEqual(['LibvirtSlow'])
    expect(blind).toEqual([])
    await clock.advance(120_000)
    expect([told, blind]).toEqual([['LibvirtSlow'], []])
    await health.stop()
  })

  it('tells one trouble that becomes another', async () => {
    light = away
    await clock.advance(4_000)
    light = () => Promise.reject(new LibvirtError('x', { code: 1, domain: 0, level: 2, message: 'no' }))
    await clock.advance(4_000)
    expect(told).toEqual(['LibvirtAway', 'LibvirtRefuses'])
    await health.stop()
  })
})

describe('a failed question', () => {
  const reason = (error: unknown, problem: Error | null) => judgeFailure(error, problem)?.reason

  it('means a hang when the connection was given up for its silence, or cannot be opened for it', () => {
    expect(reason(lost, new LibvirtSilent('libvirt answered none of 5 keepalive pings'))).toBe('LibvirtHangs')
    expect(reason(lost, new LibvirtTimeout('ConnectOpen', 30_000, 'none'))).toBe('LibvirtHangs')
    expect(reason(new LibvirtTimeout('ConnectGetLibVersion', 60_000, 'unknown'), null)).toBe('LibvirtHangs')
    expect(reason(lost, new Error('connect ECONNREFUSED'))).toBe('LibvirtAway')
  })
})
