// Random runs, and what must be so in them.
import { hasPast, TROUBLE } from './draw.ts'
import { looksAtPeace } from './peace.ts'
import { runScenario } from './run.ts'
import type { Scenario } from './scenario.ts'
import { silentWaits } from './waits.ts'

/** At the end of the peace nothing is decided any more for so long. */
const QUIET_SECONDS = 120

/** Runs it. @returns what was not as it must be, in words */
export async function runRandom(scenario: Scenario) {
  const left: string[] = []
  const { lines, violations } = await runScenario(scenario, {
    looks: [
      { at: TROUBLE, look: (world) => left.push(...silentWaits(world)) },
      {
        at: scenario.end,
        look: (world, promised) =>
          left.push(
            ...looksAtPeace(world, hasPast(scenario) ? null : promised),
            ...silentWaits(world),
            ...world.restless(QUIET_SECONDS),
          ),
      },
    ],
  })
  return { lines, wrong: [...violations, ...left] }
}
