// What a scheduler asks of this host's libvirt about CPUs of several hosts.
import type { VirtualKind } from '../../lib/apiserver/virtual.ts'
import { ApiError } from '../../lib/errors.ts'
import { LibvirtError, type LibvirtPool } from '../../lib/libvirt/index.ts'
import { CPU_BASELINE, type CpuBaseline } from '../../schemas/index.ts'
import { baselineOf } from './baseline.ts'

export interface BaselineDeps {
  readonly libvirt: Pick<LibvirtPool, 'call'>
  /** Versioned. @throws ApiError ServiceUnavailable before libvirt answers */
  readonly machineType: () => string
}

const ANSWER_MS = 10_000

export const baselineKind = ({ libvirt, machineType }: BaselineDeps): VirtualKind => ({
  kind: CPU_BASELINE,
  answer: async ({ object }) => {
    const { accelerator, cpus } = object as CpuBaseline
    const hypervisor = { machine: machineType(), virttype: accelerator }
    try {
      return {
        accelerator,
        cpus,
        baseline: await baselineOf(libvirt, hypervisor, cpus, AbortSignal.timeout(ANSWER_MS)),
      }
    } catch (error) {
      // Its words say which CPU it does not know, or that they have nothing in common.
      if (error instanceof LibvirtError) throw new ApiError('BadRequest', `libvirt: ${error.message}`)
      throw error
    }
  },
})
