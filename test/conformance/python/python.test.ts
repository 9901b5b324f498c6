// suite.py on Debian's python3-kubernetes, against the server that all clients get.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApiServer, type TestApiServer } from '../../support/api-server.ts'

/** Debian's own, which has the package; the PATH may have another. */
const PYTHON = '/usr/bin/python3'
const SUITE = fileURLToPath(new URL('suite.py', import.meta.url))
const TESTS = 14

let api: TestApiServer
beforeAll(async () => {
  api = await startApiServer()
  // For the test of a history that is gone.
  await api.restart({ forget: true })
})
afterAll(() => api.stop())

it('works for Python programs', async () => {
  const cache = join(api.folder, 'cache')
  await mkdir(cache)
  const { exitCode, all = '' } = await execa(PYTHON, ['-B', SUITE], {
    reject: false,
    all: true,
    timeout: 120_000,
    env: { KUBECONFIG: api.kubeconfig, BERTH_CACHE: cache, PYTHONWARNINGS: 'ignore' },
  })
  expect(exitCode, all).toBe(0)
  expect(all).toContain(`Ran ${TESTS} tests`)
})
