import type { HostCheck } from './check.ts'

const GROUPS = '/sys/kernel/iommu_groups'

/** Whether devices of the host could be given to guests. */
export const iommuCheck: HostCheck = {
  id: 'iommu',
  title: 'Devices can be passed through',
  condition: 'IOMMUAvailable',
  advice: {
    means: 'An IOMMU is on, which device passthrough needs. Nothing else does.',
    todo: 'Switch on VT-d or AMD-Vi in the firmware; boot with `intel_iommu=on`.',
  },
  run: async ({ host }) => {
    const groups = await host.list(GROUPS)
    const detail = `${groups.length} groups in ${GROUPS}`
    if (groups.length > 0) return { status: 'ok', message: 'The IOMMU is on.', detail }
    const remedy = 'For device passthrough switch on VT-d or AMD-Vi in the firmware and boot with intel_iommu=on.'
    return { status: 'info', message: 'No IOMMU is in use.', detail, remedy }
  },
}
