import type { HostCheck } from './check.ts'

/** Any of them writes the seed of a VM with provisioning. */
const PROGRAMS = ['genisoimage', 'xorriso', 'mkisofs']

export const isoToolCheck: HostCheck = {
  id: 'iso-tool',
  title: 'Tool for provisioning disks',
  condition: 'ISOToolAvailable',
  advice: {
    means: 'A program that writes ISO files is there. Without it no machine with `spec.provisioning` starts.',
    todo: 'Install `genisoimage` or `xorriso`.',
  },
  run: async ({ host }, signal) => {
    for (const program of PROGRAMS) {
      const answer = await host.run(program, ['--version'], signal)
      if (answer.ok || !answer.missing) return { status: 'ok', message: `${program} is there.` }
    }
    const message = `None of ${PROGRAMS.join(', ')} is installed: VMs with provisioning cannot start.`
    return { status: 'fail', message, remedy: 'Install the package genisoimage or xorriso.' }
  },
}
