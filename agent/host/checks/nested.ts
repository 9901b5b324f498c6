import type { HostCheck } from './check.ts'

const MODULES = ['kvm_intel', 'kvm_amd']

/** Whether guests can run guests of their own. */
export const nestedCheck: HostCheck = {
  id: 'nested-virtualization',
  title: 'Guests can run virtual machines',
  condition: 'NestedVirtualization',
  advice: {
    means: 'Guests may run machines of their own.',
    todo: 'Where guests need it: load kvm_intel or kvm_amd with `nested=1`.',
  },
  run: async ({ host }) => {
    for (const module of MODULES) {
      const path = `/sys/module/${module}/parameters/nested`
      const value = (await host.readText(path))?.trim()
      if (value === undefined) continue
      const detail = `${path} is ${value}`
      if (value === 'Y' || value === '1') return { status: 'ok', message: 'Nested virtualization is on.', detail }
      const remedy = `Load ${module} with nested=1 where guests need it.`
      return { status: 'info', message: 'Nested virtualization is off.', detail, remedy }
    }
    return { status: 'info', message: 'Neither kvm_intel nor kvm_amd is loaded.' }
  },
}
