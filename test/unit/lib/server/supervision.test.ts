import { describe, expect, it } from 'vitest'
import { READY_WITHIN_MS, Supervision } from '../../../../lib/server/supervision.ts'
import { ManualClock, settle } from '../../../support/manual-clock.ts'

const WATCHDOG_MS = 60_000

/** A supervision whose parts the test moves by hand. */
function supervised(watchdogMs: number | null = WATCHDOG_MS) {
  const said: string[] = []
  const warnings: string[] = []
  const state = { status: 'starting', answers: true, refuses: false, deaf: false }
  let settled: () => void = () => undefined
  const clock = new ManualClock()
  const quiet = () => undefined
  const supervision = new Supervision({
    meanwhile: 'guests run on',
    clock,
    log: { debug: quiet, info: quiet, error: quiet, warn: (_facts, message) => warnings.push(message) },
    manager: {
      watchdogMs,
      notify: async (assignments) => {
        if (state.deaf) throw new Error('nobody listens')
        said.push(assignments.join(' '))
      },
    },
    settled: new Promise((resolve) => {
      settled = resolve
    }),
    status: () => state.status,
    ask: () => {
      if (state.refuses) return Promise.reject(new Error('the disk is full'))
      return state.answers ? Promise.resolve() : new Promise(() => undefined)
    },
  })
  supervision.start()
  return { supervision, said, warnings, state, clock, settle: () => settled() }
}

const signs = (said: readonly string[]) => said.filter((line) => line === 'WATCHDOG=1').length

describe('what the agent tells its service manager', () => {
  it('is ready once libvirt was asked, with the status of then', async () => {
    const { said, state, settle: asked, clock } = supervised()
    await clock.advance(1_000)
    expect(said).toEqual([])
    state.status = 'all is well'
    asked()
    await settle()
    expect(said[0]).toBe('READY=1 STATUS=all is well')
  })

  it('is ready without libvirt, too, and says so', async () => {
    const { said, clock } = supervised()
    await clock.advance(READY_WITHIN_MS)
    expect(said[0]).toBe('READY=1 STATUS=starting')
  })

  it('a changed status, once', async () => {
    const { said, state, settle: asked, clock } = supervised(null)
    asked()
    await clock.advance(10_000)
    state.status = 'libvirt does not answer'
    await clock.advance(10_000)
    expect(said).toEqual(['READY=1 STATUS=starting', 'STATUS=libvirt does not answer'])
  })

  it('signs of life, at least two in the time of the watchdog', async () => {
    const { said, settle: asked, clock } = supervised()
    asked()
    await clock.advance(10 * WATCHDOG_MS)
    expect(signs(said)).toBe(21)
  })

  it('no sign while the store does not answer', async () => {
    const { said, state, settle: asked, clock } = supervised()
    asked()
    await clock.advance(WATCHDOG_MS)
    const before = signs(said)
    state.answers = false
    await clock.advance(10 * WATCHDOG_MS)
    expect(signs(said)).toBe(before)
  })

  it('an answer that is a refusal is a sign of life', async () => {
    const { said, state, settle: asked, clock } = supervised()
    state.refuses = true
    asked()
    await clock.advance(WATCHDOG_MS)
    expect(signs(said)).toBe(3)
  })

  it('that it stops, last, even while the store hangs', async () => {
    const { supervision, said, state, settle: asked, clock } = supervised()
    state.answers = false
    asked()
    await clock.advance(WATCHDOG_MS)
    await supervision.stop()
    expect(said.at(-1)).toBe('STOPPING=1 STATUS=Stopping; guests run on')
    expect(clock.sleeping).toBe(0)
  })

  it('stops before it was ready', async () => {
    const { supervision, said, clock } = supervised()
    await settle()
    await supervision.stop()
    expect(said).toEqual(['STOPPING=1 STATUS=Stopping; guests run on'])
    expect(clock.sleeping).toBe(0)
  })

  it('a manager that cannot be told is told again, and the agent lives on', async () => {
    const { said, state, warnings, settle: asked, clock } = supervised(null)
    state.deaf = true
    asked()
    await settle()
    expect(warnings[0]).toContain('nobody listens')
    state.deaf = false
    await clock.advance(5_000)
    expect(said).toEqual(['READY=1 STATUS=starting'])
  })
})
