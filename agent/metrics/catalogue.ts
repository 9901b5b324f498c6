// The agent's own metrics, beside those of every server. A new one is a constant here and an entry of AGENT_METRICS.
import { SERVER_METRICS } from '../../lib/metrics/catalogue.ts'
import { counter, gauge, histogram, type MetricDef, sum } from '../../lib/metrics/define.ts'

// libvirt
export const LIBVIRT_CONNECTED = gauge('berth_libvirt_connected', '1 while libvirt answers', ['socket'])
export const LIBVIRT_DISCONNECTS = counter('berth_libvirt_disconnects_total', 'Ends of the connection to libvirt', [
  'socket',
])
export const LIBVIRT_CALLS = counter(
  'berth_libvirt_calls_total',
  'Calls of libvirt by procedure and outcome: ok, error (libvirt said no), timeout, lost (connection), cancelled',
  ['procedure', 'outcome'],
)
export const LIBVIRT_DURATION = histogram(
  'berth_libvirt_call_duration_seconds',
  'Time of a call of libvirt, with the wait for a connection',
  ['procedure'],
)

export const LIBVIRT_TROUBLE = gauge('berth_libvirt_trouble', '1 for what is wrong with libvirt now, else 0', [
  'reason',
])
export const LIBVIRT_ANSWER = gauge('berth_libvirt_answer_seconds', 'How long its last light answer took')

// Troubles
export const TROUBLES = counter('berth_troubles_total', 'Troubles that have no metric of their own', ['trouble'])
export const VM_ENDS = counter(
  'berth_vm_ends_total',
  'Ends of runs: asked, power-off, reboot (with a new QEMU), crash (nobody asked for it), broken-move (with the move that broke it), host (restarted)',
  ['cause'],
)
export const VM_SILENT = gauge('berth_vms_not_answering', 'Machines whose QEMU does not answer its monitor')
export const STARTS_WAITING = gauge('berth_starts_waiting', 'Machines that wait for their turn to be started')

export const LEASE_LEFT = gauge(
  'berth_scheduler_lease_seconds',
  'Seconds that the lease with the scheduler holds; 0 when it is lost, absent on a host that belongs to no cluster',
)

// Imports
export const IMPORTS = gauge('berth_imports', 'Imports of images and disks: queued, running, failed', ['state'])
export const IMPORT_OLDEST = gauge(
  'berth_import_queue_oldest_seconds',
  'How long the import that waits longest has been waiting for its turn; 0 when none waits',
)

// The host's share
export const NODE_CPU = gauge(
  'berth_node_cpu_cores',
  'Cores for machines, overcommit included: allocatable, held by those that run',
  ['of'],
)
export const NODE_MEMORY = gauge(
  'berth_node_memory_bytes',
  'Memory for machines: allocatable, held by those that run',
  ['of'],
)

// What machines, disks and images are by their objects, under DVP's names
const OBJECT = ['namespace', 'name', 'uid'] as const
export const VM_PHASE = gauge('d8_virtualization_virtualmachine_status_phase', "1 for the machine's phase", [
  ...OBJECT,
  'node',
  'phase',
])
export const VM_INFO = gauge('d8_virtualization_virtualmachine_info', 'Always 1; facts are in its labels', [
  ...OBJECT,
  'node',
  'class',
  'ip_address',
])
export const VM_CORES = gauge('d8_virtualization_virtualmachine_cpu_cores', 'Cores that the machine has now', OBJECT)
export const VM_CONFIGURED_CORES = gauge(
  'd8_virtualization_virtualmachine_configuration_cpu_cores',
  'Cores in the specification',
  OBJECT,
)
export const VM_CORE_FRACTION = gauge(
  'd8_virtualization_virtualmachine_configuration_cpu_core_fraction',
  'Guaranteed share of a core in the specification, in percent',
  OBJECT,
)
export const VM_CONFIGURED_MEMORY = gauge(
  'd8_virtualization_virtualmachine_configuration_memory_size_bytes',
  'Memory in the specification',
  OBJECT,
)
export const VM_AWAITS_RESTART = gauge(
  'd8_virtualization_virtualmachine_awaiting_restart_to_apply_configuration',
  '1 while changes wait for a restart',
  OBJECT,
)
export const VM_APPLIED = gauge(
  'd8_virtualization_virtualmachine_configuration_applied',
  '1 when the machine has what its specification says',
  OBJECT,
)
export const VM_RUN_POLICY = gauge(
  'd8_virtualization_virtualmachine_configuration_run_policy',
  '1 for the run policy in the specification',
  [...OBJECT, 'run_policy'],
)
export const VM_AGENT_READY = gauge(
  'd8_virtualization_virtualmachine_agent_ready',
  '1 while the guest agent answers',
  OBJECT,
)
export const DISK_PHASE = gauge('d8_virtualization_virtualdisk_status_phase', "1 for the disk's phase", [
  ...OBJECT,
  'phase',
])
export const DISK_CAPACITY = gauge('d8_virtualization_virtualdisk_capacity_bytes', 'Size of the disk', OBJECT)
export const DISK_IN_USE = gauge('d8_virtualization_virtualdisk_status_in_use', '1 while a machine uses it', OBJECT)
export const IMAGE_PHASE = gauge('d8_virtualization_virtualimage_status_phase', "1 for the image's phase", [
  ...OBJECT,
  'phase',
])
export const CLUSTER_IMAGE_PHASE = gauge(
  'd8_virtualization_clustervirtualimage_status_phase',
  "1 for the image's phase",
  ['name', 'uid', 'phase'],
)

// What guests use, from one call of libvirt
const VM = ['namespace', 'name'] as const
const DISK = ['namespace', 'name', 'device', 'disk'] as const
const NIC = ['namespace', 'name', 'network'] as const
export const VM_SHOULD_RUN = gauge(
  'berth_vm_should_run',
  '1 when the machine is meant to run, by its run policy and what was done by hand',
  VM,
)
export const VM_START = gauge('berth_vm_start_time_seconds', 'Start of the present run since the epoch', VM)
export const VM_CPU = sum('berth_vm_cpu_seconds_total', 'CPU time of the machine on the host, QEMU included', VM)
export const VM_CPU_MODE = sum('berth_vm_cpu_mode_seconds_total', 'CPU time of QEMU by mode: user, system', [
  ...VM,
  'mode',
])
export const VM_VCPUS = gauge('berth_vm_vcpus', 'Virtual CPUs that are online', VM)
export const VM_VCPU_DELAY = sum(
  'berth_vm_vcpu_delay_seconds_total',
  'Time that virtual CPUs were ready and waited for a core of the host (steal)',
  VM,
)
export const VM_MEMORY_ACTUAL = gauge('berth_vm_memory_actual_bytes', 'Memory that the balloon leaves to the guest', VM)
export const VM_MEMORY_RSS = gauge('berth_vm_memory_resident_bytes', 'Resident memory of QEMU', VM)
export const VM_MEMORY_AVAILABLE = gauge(
  'berth_vm_memory_available_bytes',
  'Memory that the guest sees, by its balloon driver',
  VM,
)
export const VM_MEMORY_UNUSED = gauge('berth_vm_memory_unused_bytes', 'Memory that the guest does not use at all', VM)
export const VM_MEMORY_USABLE = gauge(
  'berth_vm_memory_usable_bytes',
  'Memory that the guest could use without swapping, caches included',
  VM,
)
export const VM_SWAP = sum('berth_vm_memory_swap_bytes_total', 'What the guest swapped: in, out', [...VM, 'direction'])
export const VM_FAULTS = sum('berth_vm_memory_page_faults_total', "The guest's page faults: major, minor", [
  ...VM,
  'type',
])
export const BLOCK_BYTES = sum('berth_vm_block_bytes_total', 'Bytes that the guest moved: read, write', [
  ...DISK,
  'direction',
])
export const BLOCK_REQUESTS = sum('berth_vm_block_requests_total', 'Requests of the guest: read, write, flush', [
  ...DISK,
  'direction',
])
export const BLOCK_SECONDS = sum(
  'berth_vm_block_seconds_total',
  'Time that the requests took, of all requests together: read, write, flush',
  [...DISK, 'direction'],
)
export const BLOCK_CAPACITY = gauge('berth_vm_block_capacity_bytes', 'Size that the guest sees', DISK)
export const BLOCK_ALLOCATION = gauge('berth_vm_block_physical_bytes', 'Size of the file on the host', DISK)
export const NET_BYTES = sum('berth_vm_network_bytes_total', 'Bytes as the guest counts them: receive, transmit', [
  ...NIC,
  'direction',
])
export const NET_PACKETS = sum('berth_vm_network_packets_total', 'Packets: receive, transmit', [...NIC, 'direction'])
export const NET_ERRORS = sum('berth_vm_network_errors_total', 'Errors of the interface: receive, transmit', [
  ...NIC,
  'direction',
])
export const NET_DROPS = sum('berth_vm_network_drops_total', 'Packets dropped: receive, transmit', [
  ...NIC,
  'direction',
])

/** Every metric that the agent has, in the order of a scrape. */
export const AGENT_METRICS: readonly MetricDef[] = [
  ...SERVER_METRICS,
  LIBVIRT_CONNECTED,
  LIBVIRT_DISCONNECTS,
  LIBVIRT_CALLS,
  LIBVIRT_DURATION,
  LIBVIRT_TROUBLE,
  LIBVIRT_ANSWER,
  TROUBLES,
  VM_ENDS,
  VM_SILENT,
  STARTS_WAITING,
  LEASE_LEFT,
  IMPORTS,
  IMPORT_OLDEST,
  NODE_CPU,
  NODE_MEMORY,
  VM_PHASE,
  VM_INFO,
  VM_CORES,
  VM_CONFIGURED_CORES,
  VM_CORE_FRACTION,
  VM_CONFIGURED_MEMORY,
  VM_AWAITS_RESTART,
  VM_APPLIED,
  VM_RUN_POLICY,
  VM_AGENT_READY,
  DISK_PHASE,
  DISK_CAPACITY,
  DISK_IN_USE,
  IMAGE_PHASE,
  CLUSTER_IMAGE_PHASE,
  VM_SHOULD_RUN,
  VM_START,
  VM_CPU,
  VM_CPU_MODE,
  VM_VCPUS,
  VM_VCPU_DELAY,
  VM_MEMORY_ACTUAL,
  VM_MEMORY_RSS,
  VM_MEMORY_AVAILABLE,
  VM_MEMORY_UNUSED,
  VM_MEMORY_USABLE,
  VM_SWAP,
  VM_FAULTS,
  BLOCK_BYTES,
  BLOCK_REQUESTS,
  BLOCK_SECONDS,
  BLOCK_CAPACITY,
  BLOCK_ALLOCATION,
  NET_BYTES,
  NET_PACKETS,
  NET_ERRORS,
  NET_DROPS,
]
