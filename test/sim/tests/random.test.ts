// Random runs: whatever breaks, no machine runs twice, no host is overbooked, nothing is lost; and when all is whole again, all is at rest.
import { expect, it } from 'vitest'
import { REPLAYED, seed } from '../../support/seed.ts'
import { drawRun } from '../draw.ts'
import { runRandom } from '../random.ts'

const RUNS = REPLAYED !== null ? 1 : process.env.BERTH_LONG === '1' ? 400 : 12
const FIRST = seed()
const LIMIT_MS = 3_600_000

it(`${RUNS} random runs from the seed ${FIRST} on`, { timeout: LIMIT_MS }, async () => {
  process.stdout.write(`simulated runs: BERTH_SEED=${FIRST}${RUNS === 1 ? '' : ` to ${FIRST + RUNS - 1}`}\n`)
  for (let at = FIRST; at < FIRST + RUNS; at++) {
    const { wrong, lines } = await runRandom(drawRun(at))
    expect(wrong, `BERTH_SEED=${at}\n${lines.join('\n')}`).toEqual([])
  }
})

it('the same seed gives the same run', async () => {
  const runs = [await runRandom(drawRun(77)), await runRandom(drawRun(77))]
  expect(runs[1]?.lines).toEqual(runs[0]?.lines)
})
