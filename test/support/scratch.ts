// Temporary folders of a test file, removed after each test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A new folder that goes with the test. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), 'berth-test-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
