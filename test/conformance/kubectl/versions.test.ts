// Which kubectls the tests of this folder run with; fewer than two say too little.
import { expect, it } from 'vitest'
import { programs, validates } from './programs.ts'

it('runs with two versions of kubectl at least', () => {
  const versions = programs().map(({ version }) => version)
  // scripts/test repeats this line in its summary.
  console.info(`kubectl versions: ${versions.join(' ')}`)
  expect(versions, 'scripts/test fetches Debian’s packages when the machine has too few').not.toHaveLength(0)
  expect(
    versions.length,
    `only kubectl ${versions.join(', ')} was found: run scripts/test, which fetches another`,
  ).toBeGreaterThan(1)
  expect(programs().filter(validates), 'none of them is 1.27 or newer').not.toHaveLength(0)
})
