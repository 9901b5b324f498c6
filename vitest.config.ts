import { defineConfig } from 'vitest/config'

interface Tier {
  readonly timeout: number
  readonly parallel: boolean
  readonly setup?: string
  /**
   * Test files share a process, and with it what they import: a third of the time, as the code has no state of modules that
   * could leak from one to the next.
   */
  readonly shared?: boolean
  /** Has tests of properties, which draw. */
  readonly draws?: boolean
}

/** One project per tier (design: unit, libvirt, e2e, cluster, conformance); `scripts/test` runs them in that order. */
const tier = (name: string, options: Tier) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: options.timeout,
    hookTimeout: options.timeout,
    fileParallelism: options.parallel,
    pool: 'forks' as const,
    isolate: options.shared !== true,
    ...(options.draws === true ? { setupFiles: ['test/support/fuzz-setup.ts'] } : {}),
    ...(options.setup === undefined ? {} : { globalSetup: options.setup }),
  },
})

export default defineConfig({
  test: {
    // Files run in the same order each time, not by how long they took the last time: those of a tier share a lab.
    cache: false,
    projects: [
      tier('unit', { timeout: 10_000, parallel: true, shared: true, draws: true }),
      tier('sim', { timeout: 600_000, parallel: true, draws: true }),
      tier('libvirt', { timeout: 60_000, parallel: false, shared: true, draws: true }),
      tier('e2e', { timeout: 300_000, parallel: false, shared: true, setup: 'test/support/shared-lab.ts' }),
      tier('kill', { timeout: 600_000, parallel: false, shared: true }),
      tier('cluster', { timeout: 300_000, parallel: false, shared: true, setup: 'test/support/shared-lab.ts' }),
      tier('conformance', { timeout: 180_000, parallel: false, shared: true, draws: true }),
    ],
  },
})
