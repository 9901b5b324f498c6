// The metrics that every server of Berth has. What a server adds is in a catalogue of its own (agent/metrics/catalogue.ts).
import { counter, gauge, histogram, type MetricDef, sum } from './define.ts'

// API
export const API_REQUESTS = counter(
  'berth_api_requests_total',
  'Requests of the API by their answer; code 101 and watches are counted when they end',
  ['verb', 'resource', 'code'],
)
export const API_DURATION = histogram(
  'berth_api_request_duration_seconds',
  'Time from a request to the end of its answer, without watches and streams',
  ['verb', 'resource'],
)
export const API_REFUSALS = counter(
  'berth_api_refusals_total',
  'Requests refused at the door: unauthenticated (401), forbidden (403), rate-limited (429)',
  ['reason'],
)
export const API_WATCHES = gauge('berth_api_watches', 'Watches that are open', ['resource'])
export const API_STREAMS = gauge('berth_api_streams', 'Consoles, screens and port forwards that are open', ['stream'])

// Controllers
export const RECONCILE_PASSES = counter(
  'berth_reconcile_total',
  'Passes of controllers by outcome: done, again (waits for something), error (retried), terminal (needs a new spec), stopped',
  ['controller', 'outcome'],
)
export const RECONCILE_DURATION = histogram('berth_reconcile_duration_seconds', 'Time that a pass took', ['controller'])
export const RECONCILE_DEPTH = gauge(
  'berth_reconcile_queue_depth',
  'Objects that wait for a worker of the controller',
  ['controller'],
)
export const RECONCILE_OLDEST = gauge(
  'berth_reconcile_queue_oldest_seconds',
  'How long the object that waits longest has been ready for a worker; 0 when none waits',
  ['controller'],
)
export const RECONCILE_RUNNING = gauge('berth_reconcile_running', 'Passes that run now', ['controller'])
export const RECONCILE_LONGEST = gauge(
  'berth_reconcile_running_oldest_seconds',
  'How long the longest of the passes that run now has been running; 0 when none does',
  ['controller'],
)

// Objects
export const OBJECTS = gauge('berth_objects', 'Objects by kind and phase; the phase is empty for kinds without one', [
  'kind',
  'phase',
])
export const CONDITIONS = gauge('berth_object_conditions', 'Objects by the conditions in their status', [
  'kind',
  'type',
  'status',
  'reason',
])

// Store
export const STORE_COMMITS = counter(
  'berth_store_commits_total',
  'Commits to the database by outcome (ok, failed); writes of one moment share a commit',
  ['outcome'],
)
export const STORE_COMMIT_DURATION = histogram(
  'berth_store_commit_duration_seconds',
  'Time from the begin of a commit until it is on the disk',
  [],
  [0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
)
export const STORE_CHANGES = counter('berth_store_changes_total', 'Objects written or deleted')
export const STORE_SIZE = gauge('berth_store_size_bytes', 'Size of the database by file: main, wal', ['file'])
export const STORE_LOG = gauge(
  'berth_store_change_log_records',
  'Changes that are kept for watches which resume; at most 100,000, for ten minutes',
)
export const STORE_REVISION = gauge('berth_store_revision', 'The newest revision: the count of all changes ever')

// Storage
export const STATE_SIZE = gauge('berth_state_dir_size_bytes', 'Size of the file system of the state folder')
export const STATE_FREE = gauge(
  'berth_state_dir_free_bytes',
  'What is free in the file system of the state folder, without what is reserved for root',
)

// The process
export const BUILD_INFO = gauge('berth_build_info', 'Always 1; the versions are in its labels', [
  'component',
  'version',
  'node_version',
])
export const PROCESS_CPU = sum('process_cpu_seconds_total', 'CPU time of this process, user and system')
export const PROCESS_RSS = gauge('process_resident_memory_bytes', 'Resident memory of this process')
export const PROCESS_START = gauge('process_start_time_seconds', 'Start of this process since the epoch')
export const PROCESS_FDS = gauge('process_open_fds', 'File descriptors that are open')
export const HEAP_USED = gauge('berth_heap_used_bytes', 'JavaScript heap in use')
export const LOOP_LAG = gauge(
  'berth_event_loop_lag_seconds',
  'How late the event loop came to its timers since the scrape before; percentile 100 is the longest stall. Measured only while scrapes come at least every 5 minutes',
  ['percentile'],
)
export const LOOP_ACTIVE = sum('berth_event_loop_active_seconds_total', 'Time that the event loop was at work')
export const CERTIFICATE_EXPIRY = gauge(
  'berth_certificate_expiry_timestamp_seconds',
  "End of the API's certificate since the epoch",
)

// The scrape itself
export const SCRAPE_ERROR = gauge(
  'berth_scrape_error',
  '1 when a part of this scrape could not be had; its other metrics are missing then',
  ['collector'],
)
export const SCRAPE_DURATION = gauge('berth_scrape_duration_seconds', 'Time that each part of this scrape took', [
  'collector',
])

/** All of the above. */
export const SERVER_METRICS: readonly MetricDef[] = [
  API_REQUESTS,
  API_DURATION,
  API_REFUSALS,
  API_WATCHES,
  API_STREAMS,
  RECONCILE_PASSES,
  RECONCILE_DURATION,
  RECONCILE_DEPTH,
  RECONCILE_OLDEST,
  RECONCILE_RUNNING,
  RECONCILE_LONGEST,
  OBJECTS,
  CONDITIONS,
  STORE_COMMITS,
  STORE_COMMIT_DURATION,
  STORE_CHANGES,
  STORE_SIZE,
  STORE_LOG,
  STORE_REVISION,
  STATE_SIZE,
  STATE_FREE,
  BUILD_INFO,
  PROCESS_CPU,
  PROCESS_RSS,
  PROCESS_START,
  PROCESS_FDS,
  HEAP_USED,
  LOOP_LAG,
  LOOP_ACTIVE,
  CERTIFICATE_EXPIRY,
  SCRAPE_ERROR,
  SCRAPE_DURATION,
]
