import { describe, expect, it } from 'vitest'
import { defineConditions, getCondition, isTrue, removeCondition } from '../../../lib/conditions.ts'

const T0 = Date.parse('2026-01-01T00:00:00Z')
const T1 = Date.parse('2026-01-01T00:05:00.789Z')
const ready = { type: 'Ready', status: 'False', reason: 'Provisioning', message: 'downloading' } as const

const { set: setCondition } = defineConditions('Thing', {
  AgentReady: { means: 'It answers.', reasons: { AgentNotReady: { status: 'False', means: 'It does not.' } } },
  Ready: {
    means: 'It is ready.',
    reasons: {
      Provisioning: { status: ['False', 'True'], means: 'It comes.' },
      Ready: { status: 'True', means: 'It is.' },
    },
  },
  Running: { means: 'It runs.', reasons: { Running: { status: 'True', means: 'It does.' } } },
})

describe('setCondition', () => {
  it('adds a condition with the time and generation', () => {
    expect(setCondition(undefined, ready, 3, T0)).toEqual([
      { ...ready, lastTransitionTime: '2026-01-01T00:00:00Z', observedGeneration: 3 },
    ])
  })

  it('keeps the time while the status stays, and moves it when it changes', () => {
    const first = setCondition([], ready, 1, T0)
    const second = setCondition(first, { ...ready, message: 'half done' }, 1, T1)
    expect(getCondition(second, 'Ready')).toMatchObject({
      message: 'half done',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    })
    const third = setCondition(second, { type: 'Ready', status: 'True', reason: 'Ready' }, 2, T1)
    expect(getCondition(third, 'Ready')).toEqual({
      type: 'Ready',
      status: 'True',
      reason: 'Ready',
      message: '',
      lastTransitionTime: '2026-01-01T00:05:00Z',
      observedGeneration: 2,
    })
  })

  it('returns the same list when nothing changes', () => {
    const list = setCondition([], ready, 1, T0)
    expect(setCondition(list, ready, 1, T1)).toBe(list)
    expect(setCondition(list, ready, 2, T1)).not.toBe(list)
  })

  it('leaves the generation out when there is none', () => {
    expect(setCondition([], ready, undefined, T0)[0]).not.toHaveProperty('observedGeneration')
  })

  it('sorts by type and changes no list', () => {
    const one = setCondition([], { type: 'Running', status: 'True', reason: 'Running' }, 1, T0)
    const two = setCondition(one, { type: 'AgentReady', status: 'False', reason: 'AgentNotReady' }, 1, T0)
    expect(two.map(({ type }) => type)).toEqual(['AgentReady', 'Running'])
    expect(one).toHaveLength(1)
  })
})

it('finds and removes', () => {
  const list = setCondition([], ready, 1, T0)
  expect(isTrue(list, 'Ready')).toBe(false)
  expect(isTrue(setCondition(list, { ...ready, status: 'True' }, 1, T0), 'Ready')).toBe(true)
  expect(isTrue(undefined, 'Ready')).toBe(false)
  expect(removeCondition(list, 'Ready')).toEqual([])
  expect(removeCondition(list, 'Other')).toBe(list)
  expect(removeCondition(undefined, 'Other')).toEqual([])
})
