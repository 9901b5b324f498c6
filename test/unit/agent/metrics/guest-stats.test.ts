import { expect, test } from 'vitest'
import { AGENT_METRICS } from '../../../../agent/metrics/catalogue.ts'
import { type DomainStats, guestStatsCollector, tellGuest } from '../../../../agent/metrics/guest-stats.ts'
import type { LibvirtPool } from '../../../../lib/libvirt/index.ts'
import type { MetricDef } from '../../../../lib/metrics/define.ts'
import { Samples } from '../../../../lib/metrics/samples.ts'
import type { Reader } from '../../../../lib/reconcile/reader.ts'
import type { VirtualMachine } from '../../../../schemas/index.ts'

const vm = {
  metadata: { namespace: 'team', name: 'web', uid: 'u1' },
  spec: {},
  status: {
    blockDeviceRefs: [{ kind: 'VirtualDisk', name: 'root', attached: true, target: 'sda', size: '1Gi' }],
    networks: [{ id: 1, type: 'Main', name: '' }],
  },
} as unknown as VirtualMachine

/** As libvirt 9.0 gives them for a booted Linux guest, shortened. */
const BOOTED: DomainStats = {
  'cpu.time': 5_000_000_000n,
  'cpu.user': 3_000_000_000n,
  'cpu.system': 1_000_000_000n,
  'vcpu.current': 2,
  'vcpu.maximum': 2,
  'vcpu.0.delay': 250_000_000n,
  'vcpu.1.delay': 500_000_000n,
  'vcpu.1.wait': 9n,
  'balloon.current': 1_048_576n,
  'balloon.rss': 2048n,
  'balloon.available': 1_000_000n,
  'balloon.unused': 500n,
  'balloon.usable': 600n,
  'balloon.swap_in': 1n,
  'balloon.swap_out': 2n,
  'balloon.major_fault': 7n,
  'balloon.minor_fault': 8n,
  'block.count': 2,
  'block.0.name': 'sda',
  'block.0.rd.bytes': 512n,
  'block.0.rd.reqs': 3n,
  'block.0.rd.times': 2_000_000_000n,
  'block.0.wr.bytes': 1024n,
  'block.0.fl.reqs': 1n,
  'block.0.capacity': 4096n,
  'block.0.physical': 2048n,
  'block.1.name': 'sdb',
  'net.count': 1,
  'net.0.name': 'vnet7',
  'net.0.rx.bytes': 10n,
  'net.0.tx.pkts': 2n,
  'net.0.rx.drop': 3n,
  'net.0.tx.errs': 4n,
}

const lines = (samples: Samples): string[] => AGENT_METRICS.flatMap((def: MetricDef) => samples.linesOf(def))

test('a guest is told in base units, by names that outlive a restart', () => {
  const samples = new Samples()
  tellGuest(samples, vm, BOOTED)
  const M = 'namespace="team",name="web"'
  expect(lines(samples)).toEqual([
    `berth_vm_cpu_seconds_total{${M}} 5`,
    `berth_vm_cpu_mode_seconds_total{${M},mode="user"} 3`,
    `berth_vm_cpu_mode_seconds_total{${M},mode="system"} 1`,
    `berth_vm_vcpus{${M}} 2`,
    `berth_vm_vcpu_delay_seconds_total{${M}} 0.75`,
    `berth_vm_memory_actual_bytes{${M}} 1073741824`,
    `berth_vm_memory_resident_bytes{${M}} 2097152`,
    `berth_vm_memory_available_bytes{${M}} 1024000000`,
    `berth_vm_memory_unused_bytes{${M}} 512000`,
    `berth_vm_memory_usable_bytes{${M}} 614400`,
    `berth_vm_memory_swap_bytes_total{${M},direction="in"} 1024`,
    `berth_vm_memory_swap_bytes_total{${M},direction="out"} 2048`,
    `berth_vm_memory_page_faults_total{${M},type="major"} 7`,
    `berth_vm_memory_page_faults_total{${M},type="minor"} 8`,
    `berth_vm_block_bytes_total{${M},device="sda",disk="VirtualDisk/root",direction="read"} 512`,
    `berth_vm_block_bytes_total{${M},device="sda",disk="VirtualDisk/root",direction="write"} 1024`,
    `berth_vm_block_requests_total{${M},device="sda",disk="VirtualDisk/root",direction="read"} 3`,
    `berth_vm_block_requests_total{${M},device="sda",disk="VirtualDisk/root",direction="flush"} 1`,
    `berth_vm_block_seconds_total{${M},device="sda",disk="VirtualDisk/root",direction="read"} 2`,
    `berth_vm_block_capacity_bytes{${M},device="sda",disk="VirtualDisk/root"} 4096`,
    `berth_vm_block_physical_bytes{${M},device="sda",disk="VirtualDisk/root"} 2048`,
    `berth_vm_network_bytes_total{${M},network="Main",direction="receive"} 10`,
    `berth_vm_network_packets_total{${M},network="Main",direction="transmit"} 2`,
    `berth_vm_network_errors_total{${M},network="Main",direction="transmit"} 4`,
    `berth_vm_network_drops_total{${M},network="Main",direction="receive"} 3`,
  ])
})

/** A libvirt whose one answer comes when told: the real one does not hang on demand. */
function slowLibvirt() {
  let answer: (reply: unknown) => void = () => undefined
  let calls = 0
  const libvirt = {
    connected: true,
    call: () => {
      calls += 1
      return new Promise((resolve) => {
        answer = resolve
      })
    },
  } as unknown as LibvirtPool
  const params = [{ field: 'cpu.time', value: { type: 'uhyper', value: 1_000_000_000n } }]
  const reply = { retStats: ['u1', 'stranger'].map((uuid) => ({ dom: { uuid }, params })) }
  return { libvirt, answer: () => answer(reply), calls: () => calls }
}

test('a late answer is no answer; there is one call under way, and domains of others are not told', async () => {
  const { libvirt, answer, calls } = slowLibvirt()
  const reader = { byIndex: (_index: string, uid: string) => (uid === 'u1' ? [vm] : []) } as unknown as Reader
  const collector = guestStatsCollector(libvirt, reader, 5)
  const never = new AbortController().signal
  await expect(collector.collect(new Samples(), never)).rejects.toThrow('libvirt did not answer within 5 ms')
  await expect(collector.collect(new Samples(), never)).rejects.toThrow('libvirt did not answer')
  const aborted = AbortSignal.abort(new Error('the scrape is over'))
  await expect(collector.collect(new Samples(), aborted)).rejects.toThrow()
  expect(calls()).toBe(1)
  const samples = new Samples()
  const last = collector.collect(samples, never)
  answer()
  await last
  expect(lines(samples)).toEqual(['berth_vm_cpu_seconds_total{namespace="team",name="web"} 1'])
})
