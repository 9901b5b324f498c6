// What guests use: one call of libvirt for all of them at each scrape, and its answer as metrics.
import { fromParams, type LibvirtPool, type PlainValue, type TypedParam } from '../../lib/libvirt/index.ts'
import type { Collector } from '../../lib/metrics/metrics.ts'
import type { Sink } from '../../lib/metrics/samples.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { VirtualMachine } from '../../schemas/index.ts'
import { VMS_BY_UID } from '../wiring.ts'
import {
  BLOCK_ALLOCATION,
  BLOCK_BYTES,
  BLOCK_CAPACITY,
  BLOCK_REQUESTS,
  BLOCK_SECONDS,
  NET_BYTES,
  NET_DROPS,
  NET_ERRORS,
  NET_PACKETS,
  VM_CPU,
  VM_CPU_MODE,
  VM_FAULTS,
  VM_MEMORY_ACTUAL,
  VM_MEMORY_AVAILABLE,
  VM_MEMORY_RSS,
  VM_MEMORY_UNUSED,
  VM_MEMORY_USABLE,
  VM_SWAP,
  VM_VCPU_DELAY,
  VM_VCPUS,
} from './catalogue.ts'

/** VIR_DOMAIN_STATS_CPU_TOTAL, BALLOON, VCPU, INTERFACE, BLOCK. */
const STATS = 2 | 4 | 8 | 16 | 32
/** VIR_CONNECT_GET_ALL_DOMAINS_STATS_ACTIVE, NOWAIT: a domain that libvirt is busy with gives what can be had at once. */
const FLAGS = 1 | 536_870_912
/** Milliseconds that a scrape waits for libvirt; the call itself has the pool's deadline, and the next scrape takes its answer. */
const WAIT_MS = 3_000

/** Machines that are told in one turn of the event loop. */
const SLICE = 20

/** Values by libvirt's names: `block.0.rd.bytes`. */
export type DomainStats = Readonly<Record<string, PlainValue>>

/** The figures of every running domain of ours. Never more than one call under way. */
export function guestStatsCollector(libvirt: LibvirtPool, reader: Reader, waitMs = WAIT_MS): Collector {
  let asking: Promise<readonly { readonly uuid: string; readonly params: readonly TypedParam[] }[]> | null = null
  const ask = async () => {
    const { retStats } = await libvirt.call('ConnectGetAllDomainStats', { doms: [], stats: STATS, flags: FLAGS })
    return retStats.map(({ dom, params }) => ({ uuid: dom.uuid, params }))
  }
  return {
    name: 'guests',
    collect: async (sink, signal) => {
      if (!libvirt.connected) throw new Error('libvirt does not answer')
      asking ??= ask().finally(() => {
        asking = null
      })
      const domains = await within(asking, waitMs, signal)
      let told = 0
      for (const { uuid, params } of domains) {
        const [vm] = reader.byIndex<VirtualMachine>(VMS_BY_UID, uuid)
        if (vm === undefined) continue
        tellGuest(sink, vm, fromParams(params))
        told += 1
        if (told % SLICE === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

/** The promise's value, unless it is late; what comes of it then is somebody else's. */
async function within<T>(promise: Promise<T>, ms: number, signal: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`libvirt did not answer within ${ms} ms`)), ms)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

const NANO = 1e9
const KIB = 1024

/** A figure by libvirt's name, in base units; undefined when libvirt does not say. */
type Read = (key: string, unit?: number) => number | undefined

const readerOf =
  (stats: DomainStats): Read =>
  (key, unit = 1) => {
    const value = stats[key]
    return typeof value === 'number' || typeof value === 'bigint' ? Number(value) * unit : undefined
  }

/** One machine's figures; what libvirt does not say has no series. Pure but for the sink. */
export function tellGuest(sink: Sink, vm: VirtualMachine, stats: DomainStats): void {
  const { namespace = '', name } = vm.metadata
  const labels = { namespace, name }
  const read = readerOf(stats)
  sink.add(VM_CPU, labels, read('cpu.time', 1 / NANO))
  for (const mode of ['user', 'system']) sink.add(VM_CPU_MODE, { ...labels, mode }, read(`cpu.${mode}`, 1 / NANO))
  sink.add(VM_VCPUS, labels, read('vcpu.current'))
  sink.add(VM_VCPU_DELAY, labels, vcpuDelay(read))
  tellMemory(sink, labels, read)
  for (let index = 0; index < (read('block.count') ?? 0); index++) {
    const device = String(stats[`block.${index}.name`] ?? index)
    const disk = vm.status?.blockDeviceRefs?.find(({ target }) => target === device)
    tellBlock(sink, { ...labels, device, disk: disk === undefined ? '' : `${disk.kind}/${disk.name}` }, read, index)
  }
  for (let index = 0; index < (read('net.count') ?? 0); index++) {
    // The tap device's own name is another after each start.
    const known = vm.status?.networks?.[index]
    tellNetwork(sink, { ...labels, network: known?.name || known?.type || String(index) }, read, index)
  }
}

type VmLabels = { readonly namespace: string; readonly name: string }

function tellMemory(sink: Sink, labels: VmLabels, read: Read): void {
  sink.add(VM_MEMORY_ACTUAL, labels, read('balloon.current', KIB))
  sink.add(VM_MEMORY_RSS, labels, read('balloon.rss', KIB))
  sink.add(VM_MEMORY_AVAILABLE, labels, read('balloon.available', KIB))
  sink.add(VM_MEMORY_UNUSED, labels, read('balloon.unused', KIB))
  sink.add(VM_MEMORY_USABLE, labels, read('balloon.usable', KIB))
  for (const direction of ['in', 'out'])
    sink.add(VM_SWAP, { ...labels, direction }, read(`balloon.swap_${direction}`, KIB))
  for (const type of ['major', 'minor']) sink.add(VM_FAULTS, { ...labels, type }, read(`balloon.${type}_fault`))
}

const BLOCK_DIRECTIONS = { read: 'rd', write: 'wr', flush: 'fl' }

function tellBlock(
  sink: Sink,
  labels: VmLabels & { readonly device: string; readonly disk: string },
  read: Read,
  index: number,
): void {
  for (const [direction, short] of Object.entries(BLOCK_DIRECTIONS)) {
    const own = { ...labels, direction }
    sink.add(BLOCK_BYTES, own, read(`block.${index}.${short}.bytes`))
    sink.add(BLOCK_REQUESTS, own, read(`block.${index}.${short}.reqs`))
    sink.add(BLOCK_SECONDS, own, read(`block.${index}.${short}.times`, 1 / NANO))
  }
  sink.add(BLOCK_CAPACITY, labels, read(`block.${index}.capacity`))
  sink.add(BLOCK_ALLOCATION, labels, read(`block.${index}.physical`))
}

/**
 * libvirt counts at the tap device and from the guest's side: `rx` is what the guest received
 * (virDomainNetInterfaceStats swaps the device's figures).
 */
const NET_DIRECTIONS = { receive: 'rx', transmit: 'tx' }

function tellNetwork(sink: Sink, labels: VmLabels & { readonly network: string }, read: Read, index: number): void {
  for (const [direction, short] of Object.entries(NET_DIRECTIONS)) {
    const own = { ...labels, direction }
    sink.add(NET_BYTES, own, read(`net.${index}.${short}.bytes`))
    sink.add(NET_PACKETS, own, read(`net.${index}.${short}.pkts`))
    sink.add(NET_ERRORS, own, read(`net.${index}.${short}.errs`))
    sink.add(NET_DROPS, own, read(`net.${index}.${short}.drop`))
  }
}

function vcpuDelay(read: Read): number | undefined {
  let sum: number | undefined
  for (let index = 0; index < (read('vcpu.maximum') ?? 0); index++) {
    const delay = read(`vcpu.${index}.delay`, 1 / NANO)
    if (delay !== undefined) sum = (sum ?? 0) + delay
  }
  return sum
}
