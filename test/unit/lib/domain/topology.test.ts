import { describe, expect, it } from 'vitest'
import { MAX_CORES, topology } from '../../../../lib/domain/index.ts'

describe('topology of cores', () => {
  it.each([
    [1, 1, 1],
    [3, 1, 3],
    [16, 1, 16],
    [18, 2, 9],
    [32, 2, 16],
    [36, 4, 9],
    [64, 4, 16],
    [72, 8, 9],
    [248, 8, 31],
  ])('%i cores are %i sockets of %i', (cores, sockets, coresPerSocket) => {
    expect(topology(cores)).toEqual({ ok: true, sockets, coresPerSocket })
  })

  it.each([
    [0, [1]],
    [-5, [1]],
    [Number.NaN, [1]],
    [1.5, [1, 2]],
    [17, [16, 18]],
    [31, [30, 32]],
    [33, [32, 36]],
    [63, [60, 64]],
    [65, [64, 72]],
    [247, [240, 248]],
    [249, [248]],
    [1e9, [248]],
    [Number.POSITIVE_INFINITY, [248]],
  ])('%d cores are impossible, %j would do', (cores, nearest) => {
    expect(topology(cores)).toEqual({ ok: false, nearest })
  })

  it('suggests only numbers that are possible, and loses no core', () => {
    for (let cores = -3; cores <= MAX_CORES + 3; cores++) {
      const answer = topology(cores)
      if (answer.ok) expect(answer.sockets * answer.coresPerSocket).toBe(cores)
      else for (const other of answer.nearest) expect(topology(other).ok, `${cores} -> ${other}`).toBe(true)
    }
  })
})
