// npx tsx test/sim/main.ts FILE...: runs scenarios and prints their logs. --write puts each beside its file, for those who have read it.
// npx tsx test/sim/main.ts --random SEED [COUNT]: random runs, from that seed on; the log of each that goes wrong.

import { writeFileSync } from 'node:fs'
import { drawRun } from './draw.ts'
import { logOf } from './log.ts'
import { runRandom } from './random.ts'
import { runScenario } from './run.ts'
import { readScenario } from './scenario.ts'

const words = process.argv.slice(2)
const files = words.filter((word) => !word.startsWith('--'))
if (words.includes('--random')) {
  const [seed = 1, count = 1] = files.map(Number)
  for (let at = seed; at < seed + count; at++) {
    const began = performance.now()
    const { wrong, lines } = await runRandom(drawRun(at))
    process.stdout.write(
      `seed ${at}: ${wrong.length === 0 ? 'right' : 'WRONG'} (${Math.round(performance.now() - began)} ms)\n`,
    )
    if (wrong.length > 0 || count === 1)
      process.stdout.write(`${lines.join('\n')}\n${wrong.map((one) => `!! ${one}\n`).join('')}`)
  }
} else {
  for (const path of files) {
    const scenario = readScenario(path)
    const log = logOf(scenario, await runScenario(scenario))
    if (words.includes('--write')) writeFileSync(path.replace(/\.yaml$/, '.log'), log)
    else process.stdout.write(log)
  }
}
