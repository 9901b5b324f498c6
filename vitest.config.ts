import { defineConfig } from 'vitest/config'

/** One project per tier (design: unit, libvirt, e2e, conformance); `scripts/test` runs them in that order. */
const tier = (name: string, options: { timeout: number; parallel: boolean; setup?: string }) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: options.timeout,
    hookTimeout: options.timeout,
    fileParallelism: options.parallel,
    pool: 'forks' as const,
    ...(options.setup === undefined ? {} : { globalSetup: options.setup }),
  },
})

export default defineConfig({
  test: {
    projects: [
      tier('unit', { timeout: 10_000, parallel: true }),
      tier('libvirt', { timeout: 60_000, parallel: false }),
      tier('e2e', { timeout: 180_000, parallel: false, setup: 'test/support/shared-lab.ts' }),
      tier('kill', { timeout: 600_000, parallel: false }),
      tier('conformance', { timeout: 180_000, parallel: false }),
    ],
  },
})
