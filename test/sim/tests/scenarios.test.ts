// Every scenario of test/sim/scenarios against its log, which somebody has read. After a change that is meant:
// npx tsx test/sim/main.ts --write FILE..., and the difference is read in review.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { logOf } from '../log.ts'
import { runScenario } from '../run.ts'
import { readScenario } from '../scenario.ts'

const FOLDER = fileURLToPath(new URL('../scenarios', import.meta.url))
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'))

const warnings: string[] = []
const onWarning = ({ name, message }: Error) => warnings.push(`${name}: ${message}`)
process.on('warning', onWarning)

afterAll(() => {
  process.off('warning', onWarning)
  // Such as of listeners that are never taken away.
  expect(warnings).toEqual([])
})

describe('scenarios', () => {
  it.each(FILES)('%s', async (file) => {
    const path = join(FOLDER, file)
    const scenario = readScenario(path)
    const outcome = await runScenario(scenario)
    expect(outcome.violations).toEqual(scenario.broken)
    expect(logOf(scenario, outcome)).toBe(readFileSync(path.replace(/\.yaml$/, '.log'), 'utf8'))
  })

  it('have no logs without a file', () => {
    const logs = readdirSync(FOLDER).filter((name) => name.endsWith('.log'))
    expect(logs.filter((log) => !existsSync(join(FOLDER, log.replace(/\.log$/, '.yaml'))))).toEqual([])
  })
})
