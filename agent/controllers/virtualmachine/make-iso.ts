// The seed's ISO 9660 image by whichever of the two programs the host has. Label and extensions as cloud-init reads them.
import { ProgramError, run } from '../../../lib/exec.ts'
import type { MakeIso } from './seed.ts'

const TIMEOUT_MS = 30_000
const OPTIONS = ['-quiet', '-volid', 'cidata', '-joliet', '-rock', '-output'] as const

/** `genisoimage`, else `xorriso`. @throws ProgramError */
export const makeIso: MakeIso = async (folder, output, signal) => {
  const options = { timeoutMs: TIMEOUT_MS, signal }
  try {
    await run('genisoimage', [...OPTIONS, output, folder], options)
  } catch (error) {
    if (!(error instanceof ProgramError) || error.end.kind !== 'not-started') throw error
    await run('xorriso', ['-as', 'mkisofs', ...OPTIONS, output, folder], options)
  }
}
