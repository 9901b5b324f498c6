// Global setup of a test project: a place for the lab that its files share, and a folder for what they build once. Nothing is started
// here: the first file that needs the lab brings it up.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { endLab, labPlace } from './lab-place.ts'

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const place = await labPlace()
  project.provide('sharedLab', place)
  const built = mkdtempSync(join(tmpdir(), 'berth-built-'))
  project.provide('built', built)
  return async () => {
    rmSync(built, { recursive: true, force: true })
    await endLab(place.dir)
  }
}
