// Global setup of a test project: a place for the lab that its files share. Nothing is started here: the first file that needs the
// lab brings it up.
import type { TestProject } from 'vitest/node'
import { endLab, labPlace } from './lab-place.ts'

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const place = await labPlace()
  project.provide('sharedLab', place)
  return () => endLab(place.dir)
}
