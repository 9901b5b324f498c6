// The cgroup of a process of a lab host, as its guests' CPU time is shared out by it.
import type { LabHost } from './lab-host.ts'

export interface CpuGroup {
  readonly version: 'v1' | 'v2'
  /** `cpu.shares` or `cpu.weight`. */
  readonly weight: number
  /** Microseconds per period; null when there is no limit. */
  readonly quota: number | null
}

/** Of the whole domain when `pid` is its QEMU: libvirt makes groups below it for vCPUs and the rest. */
export async function domainCgroup(host: LabHost, pid: number): Promise<CpuGroup> {
  const lines = (await host.exec('cat', `/proc/${pid}/cgroup`)).split('\n').map((line) => line.split(':'))
  const v1 = lines.find(([, controllers]) => controllers?.split(',').includes('cpu'))
  const path = (v1 ?? lines.find(([id]) => id === '0'))?.[2] ?? '/'
  const folder = `/sys/fs/cgroup${v1 ? '/cpu' : ''}${path.replace(/(\.libvirt-qemu|\.scope)\/.*$/, '$1')}`
  const read = async (name: string) => (await host.exec('cat', `${folder}/${name}`)).split(/\s+/)[0] ?? ''
  const quota = await read(v1 ? 'cpu.cfs_quota_us' : 'cpu.max')
  return {
    version: v1 ? 'v1' : 'v2',
    weight: Number(await read(v1 ? 'cpu.shares' : 'cpu.weight')),
    quota: quota === '-1' || quota === 'max' ? null : Number(quota),
  }
}
