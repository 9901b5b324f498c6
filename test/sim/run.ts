// Runs a scenario from its beginning to its end, and gives its log.
import { Deeds } from './deeds.ts'
import { withSeed } from './fixed.ts'
import { firstObjects, resourceOf } from './objects.ts'
import type { Scenario } from './scenario.ts'
import { World } from './world.ts'

export interface Outcome {
  readonly lines: readonly string[]
  /** Where the machines were when the first command came. */
  readonly before: readonly string[]
  /** What the invariants said. */
  readonly violations: readonly string[]
}

/** A look at everything. */
export interface Look {
  /** Virtual seconds; after what is done then. */
  readonly at: number
  readonly look: (world: World, promised: Deeds['promised']) => void
}

export interface RunOptions {
  /** In the order of their times, none after the end. */
  readonly looks?: readonly Look[]
}

/** Resolves when virtual time is over. @throws what went wrong in the simulation itself */
export const runScenario = (scenario: Scenario, { looks = [] }: RunOptions = {}): Promise<Outcome> =>
  withSeed(scenario.seed ?? 1, async () => {
    const world = new World(scenario)
    // Of a real scheduler that is the end.
    const onRejected = (error: unknown) => world.fault(error)
    process.on('unhandledRejection', onRejected)
    try {
      for (const [name, { later }] of Object.entries(scenario.hosts)) if (later !== true) world.host(name).startAgent()
      const { resources } = await world.startScheduler()
      for (const draft of firstObjects(scenario)) await resources.create(resourceOf(draft), draft as never)
      const deeds = new Deeds(world, scenario)
      const [first] = scenario.deeds.toSorted((one, other) => one.at - other.at)
      if (first !== undefined) await world.passUntil(first.at * 1000 - 1)
      const before = places(world)
      for (const deed of scenario.deeds)
        world.timeline.at(deed.at * 1000, () => void deeds.do(deed.words).catch((error) => world.fault(error)))
      for (const { at, look } of looks) {
        await world.passUntil(at * 1000)
        look(world, deeds.promised)
      }
      await world.passUntil(scenario.end * 1000)
      return { lines: world.journal.lines, before, violations: world.violations }
    } finally {
      await world.end()
      process.off('unhandledRejection', onRejected)
    }
  })

/** A line per host. */
const places = ({ hosts }: World): readonly string[] =>
  [...hosts.values()].map(({ name, machine }) => {
    const names = machine.domains().map((domain) => domain.name)
    return `# ${name}: ${names.length === 0 ? 'nothing' : names.toSorted().join(', ')}`
  })
