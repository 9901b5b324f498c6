// Random runs, and what must be so in them.
import { hasPast, TROUBLE } from './draw.ts'
import { looksAtPeace } from './peace.ts'
import { runScenario } from './run.ts'
import type { Scenario } from './scenario.ts'
import { PATIENCE_MS, silentWaits } from './waits.ts'
import type { World } from './world.ts'

/** At the end of the peace nothing is decided any more for so long. */
const QUIET_SECONDS = 120

/** Two looks, one in good time before the other: hosts whose clocks jump say of what has just begun that it has lasted. */
function looksAtWaits(at: number, found: (words: readonly string[]) => void) {
  let before: readonly string[] = []
  return [
    {
      at: at - PATIENCE_MS / 1000,
      look: (world: World) => {
        before = silentWaits(world)
      },
    },
    { at, look: (world: World) => found(silentWaits(world).filter((words) => before.includes(words))) },
  ]
}

/** Runs it. @returns what was not as it must be, in words */
export async function runRandom(scenario: Scenario) {
  const left: string[] = []
  const { lines, violations } = await runScenario(scenario, {
    looks: [
      ...looksAtWaits(TROUBLE, (words) => left.push(...words)),
      ...looksAtWaits(scenario.end, (words) => left.push(...words)),
      {
        at: scenario.end,
        look: (world, promised) =>
          left.push(...looksAtPeace(world, hasPast(scenario) ? null : promised), ...world.restless(QUIET_SECONDS)),
      },
    ],
  })
  return { lines, wrong: [...violations, ...left] }
}
