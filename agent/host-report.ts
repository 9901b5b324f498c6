// What `berth host check` shows: the host checks, run anew, with or without libvirt.
import type { Report } from '../lib/apiserver/http/router.ts'
import type { CheckResult } from './host/index.ts'

export function hostReport(nodeName: string, run: (signal: AbortSignal) => Promise<readonly CheckResult[]>): Report {
  const [group, version] = ['subresources.virtualization.deckhouse.io', 'v1alpha2']
  return {
    group,
    version,
    name: 'hostcheck',
    read: async (signal) => ({
      kind: 'HostCheck',
      apiVersion: `${group}/${version}`,
      nodeName,
      checks: (await run(signal)).map(({ condition: _, unknown: __, ...check }) => check),
    }),
  }
}
