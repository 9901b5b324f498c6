import type { HostCheck } from './check.ts'

const GIB = 1024n ** 3n
/** Below this no image fits and the database may not be written. */
const FAIL_BELOW = GIB
const WARN_BELOW = 10n * GIB
const WARN_PERCENT = 10n

export const freeSpaceCheck: HostCheck = {
  id: 'free-space',
  title: 'Space for disks and images',
  condition: 'SufficientSpace',
  advice: {
    means:
      'The file system of the state folder has at least 10 GiB and a tenth free. Under 1 GiB the check fails: guests may pause and the database may refuse writes.',
    todo: 'Delete images and disks that nobody needs, or put `stateDir` on a larger file system.',
  },
  run: async ({ host, stateDir }) => {
    const { freeBytes, totalBytes } = await host.space(stateDir)
    const percent = totalBytes === 0n ? 0n : (freeBytes * 100n) / totalBytes
    const detail = `${gib(freeBytes)} of ${gib(totalBytes)} are free`
    const message = `Only ${detail} in ${stateDir}.`
    const remedy = 'Delete images and disks that nobody needs, or put stateDir on a larger file system.'
    if (freeBytes < FAIL_BELOW) return { status: 'fail', message, remedy }
    if (freeBytes < WARN_BELOW || percent < WARN_PERCENT) return { status: 'warn', message, remedy }
    return { status: 'ok', message: `There is space in ${stateDir}.`, detail }
  },
}

/** One digit behind the point, without losing what a number cannot hold. */
function gib(bytes: bigint): string {
  const tenths = (bytes * 10n) / GIB
  return `${tenths / 10n}.${tenths % 10n} GiB`
}
