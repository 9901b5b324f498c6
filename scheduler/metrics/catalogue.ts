// The scheduler's own metrics, beside those of every server. A new one is a constant here and an entry of SCHEDULER_METRICS. No label has names of
// machines, and none of hosts: a cluster has many.
import { SERVER_METRICS } from '../../lib/metrics/catalogue.ts'
import { counter, gauge, histogram, type MetricDef } from '../../lib/metrics/define.ts'

// Who rules
export const RULE = gauge(
  'berth_scheduler_rule',
  '1 for what this scheduler is: claiming (too few hosts have said yes), ruling, superseded (another one rules), outdated (its database is an older copy)',
  ['state'],
)

// Placement
export const DECISIONS = counter(
  'berth_placement_decisions_total',
  'Decisions about machines that wait for a host: placed, refused (no host takes it), preempting (others stop to make room), frozen (this scheduler does not rule)',
  ['outcome'],
)
export const DECISION_DURATION = histogram(
  'berth_placement_decision_duration_seconds',
  'Time in which a host was found, or none, for a machine or a group; without the wait for its turn and the commit',
  [],
  [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1],
)
export const WAITING = gauge(
  'berth_machines_waiting',
  'Machines that wait for a host, by the rule that most hosts refuse them by, or Undecided, Frozen, Group, Preemption, Missing (what they refer to), OwnHost (no room on the host that they keep), NoHosts',
  ['reason'],
)

// Hosts
export const HOSTS = gauge(
  'berth_hosts',
  'Hosts of the cluster, each by the worst that is so: dead (it is known that nothing runs there), lost (its lease ran out), unready, cordoned, ready',
  ['state'],
)
export const LINKS = gauge(
  'berth_agent_links',
  'Links to the agents of hosts: up, or down (what is known of the host may be old)',
  ['state'],
)
export const MIRROR_LAG = histogram(
  'berth_mirror_lag_seconds',
  'Time from what an agent told until the scheduler has it in its own object',
  [],
  [0.005, 0.02, 0.05, 0.1, 0.5, 2, 10, 30],
)
export const BINDING_PUTS = counter(
  'berth_binding_puts_total',
  'Orders to hosts by what came of them: taken, unfit (the host cannot take it), stale (it knows a newer epoch), superseded (it obeys another scheduler), unclaimed (it is asked for obedience first), silent (no answer), busy',
  ['outcome'],
)

// Moves
export const MOVES_RUNNING = gauge('berth_migrations_running', 'Moves that are under way, by phase', ['phase'])
export const MOVES = counter(
  'berth_migrations_total',
  'Moves by how they ended: Completed, Failed, Aborted (called off), Superseded (a stop took its place), TargetUnschedulable, CompletionTimeout, ProgressTimeout, NotConverging, Interrupted (an agent ended), PostCopyFailed',
  ['outcome'],
)
export const MOVE_DURATION = histogram(
  'berth_migration_duration_seconds',
  'Time of moves that came to their end, from the choice of the target',
  [],
  [1, 2, 5, 10, 30, 60, 300, 1200, 3600],
)
export const MOVE_DOWNTIME = histogram(
  'berth_migration_downtime_seconds',
  'How long guests stood still in moves that came to their end, from when their host stopped them until the other one let them run',
  [],
  [0.01, 0.03, 0.1, 0.3, 1, 3, 10],
)

// Hosts that die
export const FROZEN = gauge(
  'berth_failover_frozen',
  '1 while nothing is fenced or failed over because more than half of the hosts were lost at once',
)
export const FENCINGS = counter('berth_fencing_attempts_total', 'Fencing commands that ended: succeeded, failed', [
  'outcome',
])
export const FAILOVERS = counter(
  'berth_failovers_total',
  'Machines that were given to another host because theirs was dead, by the evidence: fenced, watchdog, timeout',
  ['evidence'],
)

export const OVERLOADED = gauge(
  'berth_scheduler_overloaded',
  '1 while the scheduler does not keep up: busy for 95 % of half a minute, or what people asked for waits longer than 30 s',
)

/** Of the scheduler alone. */
export const CLUSTER_METRICS: readonly MetricDef[] = [
  RULE,
  DECISIONS,
  DECISION_DURATION,
  WAITING,
  HOSTS,
  LINKS,
  MIRROR_LAG,
  BINDING_PUTS,
  MOVES_RUNNING,
  MOVES,
  MOVE_DURATION,
  MOVE_DOWNTIME,
  FROZEN,
  FENCINGS,
  FAILOVERS,
  OVERLOADED,
]

/** Every metric that the scheduler has, in the order of a scrape. */
export const SCHEDULER_METRICS: readonly MetricDef[] = [...SERVER_METRICS, ...CLUSTER_METRICS]
