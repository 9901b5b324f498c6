// The text of a scenario's log, as it lies beside its file.
import type { Outcome } from './run.ts'
import type { Scenario } from './scenario.ts'

/** What came before the first command is left out, but for where everything was then. */
export function logOf({ about, deeds }: Scenario, { lines, before }: Outcome): string {
  const first = Math.min(...deeds.map(({ at }) => at))
  const shown = deeds.length === 0 ? lines : [...before, ...lines.filter((line) => Number(line.slice(0, 6)) >= first)]
  return `# ${about.trim()}\n${shown.join('\n')}\n`
}
