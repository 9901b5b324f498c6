// Labs of `scripts/lab` for tests: the one that a project shares, and evidence after a failure.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { inject, type TestContext } from 'vitest'
import type { LabHost } from './lab-host.ts'
import type { LabPlace } from './lab-place.ts'
import { type Lab, openLab, RESULTS } from './open-lab.ts'

export { type Lab, openLab, RESULTS }

const COLLECT_MS = 60_000

declare module 'vitest' {
  interface ProvidedContext {
    /** Place of the lab that all test files of a project share; made by shared-lab.ts. */
    sharedLab: LabPlace
  }
}

/** The project's own lab with one host: brought up by the first test file that asks, ended after the last. Each closes it, for the next. */
export const sharedLab = (): Promise<Lab> => openLab(1, inject('sharedLab'))

/** For `beforeEach`: after a failure the hosts' logs, definitions and databases are in test-results/<name of the test>. */
export function keepEvidence({ task, onTestFailed }: TestContext, hosts: readonly LabHost[]): void {
  onTestFailed(async () => {
    const folder = join(RESULTS, `${task.file.name} ${task.name}`.replaceAll(/[^\w.-]+/g, '-').slice(0, 120))
    for (const host of hosts) {
      const into = join(folder, host.name)
      mkdirSync(into, { recursive: true })
      await host.collect(into)
    }
    process.stderr.write(`what the hosts left is in ${folder}\n`)
  }, COLLECT_MS)
}
