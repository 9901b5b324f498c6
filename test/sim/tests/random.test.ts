// Random runs: whatever breaks, no machine runs twice, no host is overbooked, nothing is lost; and when all is whole again, all is at rest.
import { expect, it } from 'vitest'
import { drawRun } from '../draw.ts'
import { runRandom } from '../random.ts'

/** BERTH_SEED replays one run. */
const SEED = process.env.BERTH_SEED === undefined ? null : Number(process.env.BERTH_SEED)
const RUNS = process.env.BERTH_LONG === '1' ? 400 : 12
const FIRST = SEED ?? Math.floor(Math.random() * 1_000_000)
const LIMIT_MS = 3_600_000

it(`${SEED === null ? RUNS : 1} random runs from the seed ${FIRST} on`, { timeout: LIMIT_MS }, async () => {
  process.stdout.write(`simulated runs: BERTH_SEED=${FIRST}${SEED === null ? ` to ${FIRST + RUNS - 1}` : ''}\n`)
  for (let seed = FIRST; seed < FIRST + (SEED === null ? RUNS : 1); seed++) {
    const { wrong, lines } = await runRandom(drawRun(seed))
    expect(wrong, `BERTH_SEED=${seed}\n${lines.join('\n')}`).toEqual([])
  }
})

it('the same seed gives the same run', async () => {
  const runs = [await runRandom(drawRun(77)), await runRandom(drawRun(77))]
  expect(runs[1]?.lines).toEqual(runs[0]?.lines)
})
