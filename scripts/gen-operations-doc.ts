// Prints docs/operations.md from the tables beside the code: npx tsx scripts/gen-operations-doc.ts > docs/operations.md
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { BINDING_CONDITIONS } from '../agent/controllers/hostbinding/conditions.ts'
import { DISK_CONDITIONS } from '../agent/controllers/virtualdisk/conditions.ts'
import { IMAGE_CONDITIONS } from '../agent/controllers/virtualimage/conditions.ts'
import { VM_CONDITIONS } from '../agent/controllers/virtualmachine/conditions.ts'
import { OPERATION_CONDITIONS } from '../agent/controllers/virtualmachineoperation/conditions.ts'
import { AGENT_EVENTS } from '../agent/events.ts'
import { EXIT as AGENT_EXIT, EXIT_ADVICE as AGENT_EXIT_ADVICE } from '../agent/exit-codes.ts'
import { HOST_CHECKS } from '../agent/host/checks/run.ts'
import { CHECK_REASONS, NODE_CONDITIONS } from '../agent/host/node-conditions.ts'
import { IMPORT_FAULTS } from '../agent/images/errors.ts'
import { AGENT_METRICS } from '../agent/metrics/catalogue.ts'
import { CLOSE, CLOSE_ADVICE } from '../agent/streams/ending.ts'
import { EXIT as CLI_EXIT, EXIT_ADVICE as CLI_EXIT_ADVICE } from '../cli/exit-codes.ts'
import type { Advice } from '../lib/advice.ts'
import type { ConditionTable } from '../lib/conditions.ts'
import type { EventAdvice } from '../lib/controllers/event-text.ts'
import { NAMESPACE_CONDITIONS } from '../lib/controllers/namespace-conditions.ts'
import { CAUSE_ADVICE, STATUS_ADVICE, STATUS_CODES } from '../lib/errors.ts'
import type { MetricDef } from '../lib/metrics/define.ts'
import { CLASS_CONDITIONS } from '../lib/placement/class/conditions.ts'
import { CONFIG_FAULTS } from '../lib/server/config-error.ts'
import { TROUBLE_ADVICE } from '../lib/store/troubles.ts'
import { DRAIN_CONDITIONS } from '../scheduler/controllers/drain/conditions.ts'
import { DRAIN_EVENTS } from '../scheduler/controllers/drain/events.ts'
import { POWER_CONDITIONS } from '../scheduler/controllers/power/conditions.ts'
import { CLUSTER_DISK_CONDITIONS } from '../scheduler/controllers/virtualdisk/conditions.ts'
import { CLUSTER_IMAGE_CONDITIONS } from '../scheduler/controllers/virtualimage/conditions.ts'
import { MOVE_CONDITIONS } from '../scheduler/controllers/virtualmachineoperation/conditions.ts'
import { MOVE_EVENTS } from '../scheduler/controllers/virtualmachineoperation/events.ts'
import { MOVING_CONDITIONS } from '../scheduler/controllers/virtualmachineoperation/vm-conditions.ts'
import { SCHEDULER_EVENTS } from '../scheduler/events.ts'
import { EXIT as SCHEDULER_EXIT, EXIT_ADVICE as SCHEDULER_EXIT_ADVICE } from '../scheduler/exit-codes.ts'
import { FAILOVER_CONDITIONS, HOST_DEAD_CONDITIONS } from '../scheduler/failover/conditions.ts'
import { FAILOVER_EVENTS } from '../scheduler/failover/events.ts'
import { CLUSTER_METRICS } from '../scheduler/metrics/catalogue.ts'
import { CLUSTER_NODE_CONDITIONS, CLUSTER_VM_CONDITIONS } from '../scheduler/mirror/conditions.ts'
import { FOLDER_CONDITIONS } from '../scheduler/storage/conditions.ts'

interface Catalogue {
  readonly kind: string
  readonly table: ConditionTable
}

/** Every table of conditions that a server has. */
export const CONDITIONS: readonly Catalogue[] = [
  VM_CONDITIONS,
  OPERATION_CONDITIONS,
  DISK_CONDITIONS,
  IMAGE_CONDITIONS,
  CLASS_CONDITIONS,
  NODE_CONDITIONS,
  POWER_CONDITIONS,
  MOVE_CONDITIONS,
  MOVING_CONDITIONS,
  DRAIN_CONDITIONS,
  HOST_DEAD_CONDITIONS,
  FAILOVER_CONDITIONS,
  CLUSTER_VM_CONDITIONS,
  CLUSTER_NODE_CONDITIONS,
  FOLDER_CONDITIONS,
  CLUSTER_DISK_CONDITIONS,
  CLUSTER_IMAGE_CONDITIONS,
  BINDING_CONDITIONS,
  NAMESPACE_CONDITIONS,
]

/** Every table of events. */
export const EVENTS: readonly Readonly<Record<string, EventAdvice>>[] = [
  AGENT_EVENTS.table,
  SCHEDULER_EVENTS.table,
  MOVE_EVENTS.table,
  DRAIN_EVENTS.table,
  FAILOVER_EVENTS.table,
]

const HEAD = `# Operations: what Berth says, what it means, what to do

Each condition, reason, event, alert, metric and error that an operator can meet. Made by \`scripts/gen-operations-doc.ts\` from the tables beside the
code that says them; a test keeps both equal. An empty last column: there is nothing to do.

Where to look, in this order:

1. \`berth get KIND\` for phases, \`berth describe KIND NAME\` for conditions and events of one object, \`berth events\` for all of a namespace.
2. \`berth host check\` for the host; \`berth describe node\` for what machines may use of it.
3. The log of the agent (\`journalctl -u berth-agent\`) or of the scheduler (\`-u berth-scheduler\`), JSON lines; each trouble says what it is about.
4. \`/var/log/libvirt/qemu/NAMESPACE.NAME.log\` for what QEMU says of a machine.

Guests do not depend on the agent: it may be stopped, killed, upgraded and started again while they run.
`

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
const row = (...cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`
const code = (text: string | number): string => `\`${text}\``

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(...header), `|${'---|'.repeat(header.length)}`, ...rows.map((cells) => row(...cells))].join('\n')

const advice = ({ means, todo = '' }: Advice): readonly string[] => [means, todo]

const entries = (all: Readonly<Record<string, Advice>>, title: string): string =>
  table(
    [title, 'meaning', 'what to do'],
    Object.entries(all).map(([name, said]) => [code(name), ...advice(said)]),
  )

function conditions({ kind, table: all }: Catalogue): string {
  const rows = Object.entries(all).flatMap(([type, { means, reasons }]) => [
    [`**${type}**`, '', '', means, ''],
    ...Object.entries(reasons).map(([reason, said]) => [
      '',
      [said.status].flat().join(', '),
      code(reason),
      ...advice(said),
    ]),
  ])
  return `### ${kind}\n\n${table(['condition', 'status', 'reason', 'meaning', 'what to do'], rows)}\n`
}

function checks(): string {
  const rows = HOST_CHECKS.map(({ id, condition, advice: said }) => [
    code(id),
    condition === undefined ? '' : code(condition),
    ...advice(said),
  ])
  return `## Host checks

\`berth host check\` runs them; the agent does hourly, and keeps what they find as conditions of its Node. A condition is True when the check finds all well.

${table(['check', 'condition', 'True means', 'what to do'], rows)}

${entries(CHECK_REASONS, 'reason')}
`
}

function events(): string {
  const rows = EVENTS.flatMap((all) => Object.entries(all)).map(([reason, said]) => [
    code(reason),
    said.type,
    said.about,
    ...advice(said),
  ])
  return `## Events

Kept for an hour after they were last seen, 5,000 at most; one object may cause 25 at once and two a minute.

${table(['reason', 'type', 'about', 'meaning', 'what to do'], rows)}
`
}

function coded(codes: Readonly<Record<string, number>>, all: Readonly<Record<string, Advice>>, title: string): string {
  const rows = Object.entries(all).map(([name, said]) => [code(codes[name] ?? ''), ...advice(said)])
  return table([title, 'meaning', 'what to do'], rows)
}

function errors(): string {
  const rows = Object.entries(STATUS_ADVICE).map(([reason, said]) => [
    code(reason),
    String(STATUS_CODES[reason as keyof typeof STATUS_CODES]),
    ...advice(said),
  ])
  return `## Errors of the API

The \`reason\` of a \`Status\`; \`message\` has the words for this very case.

${table(['reason', 'HTTP', 'meaning', 'what to do'], rows)}

### Causes of Invalid

\`details.causes\` names each field that is refused, with one of these reasons.

${entries(CAUSE_ADVICE, 'reason')}

## Troubles of the database

\`/readyz\` says \`[-]store failed\` while there is one; the log has it as \`trouble\`, answers have it in words.

${entries(TROUBLE_ADVICE, 'trouble')}

## Imports

Whose fault a failed import is. The message of the condition Ready says what happened; it never holds user names or passwords.

${entries(IMPORT_FAULTS, 'fault')}

## Ends of streams

How a websocket (console, screen, port forward) is closed; the reason that comes with it has the words.

${coded(CLOSE, CLOSE_ADVICE, 'code')}

## Exit codes

### berth-agent

${coded(AGENT_EXIT, AGENT_EXIT_ADVICE, 'code')}

### berth-scheduler

${coded(SCHEDULER_EXIT, SCHEDULER_EXIT_ADVICE, 'code')}

### berth

${coded(CLI_EXIT, CLI_EXIT_ADVICE, 'code')}

All end with 69 in a checkout that was not built.

## Configuration errors

\`berth-agent\` and \`berth-scheduler\` name the file and every key that is wrong, and end with code 2.

${entries(CONFIG_FAULTS, 'error')}
`
}

interface Alert {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description?: string }
}

/** The rules that Berth brings along. */
export function alerts(): readonly Alert[] {
  const rules = readFileSync(new URL('../monitoring/berth-rules.yaml', import.meta.url), 'utf8')
  return (parse(rules) as { readonly groups: readonly { readonly rules: readonly Alert[] }[] }).groups.flatMap(
    (group) => group.rules,
  )
}

/** `{{ $labels.instance }}` -> INSTANCE, `{{ $value | humanizeDuration }}` -> N: what stands there is the case's own. */
const general = (text: string): string =>
  text
    .replaceAll(/\{\{ *\$labels\.(\w+) *\}\}/g, (_all, label: string) => label.toUpperCase())
    .replaceAll(/\{\{[^}]*\}\}/g, 'N')

function metrics(): string {
  const rules = alerts()
  const metricTable = (defs: readonly MetricDef[]): string =>
    table(
      ['metric', 'type', 'labels', 'meaning', 'watched by'],
      defs.map((def) => [
        code(def.name),
        def.kind === 'sum' ? 'counter' : def.kind,
        def.labels.map(code).join(', '),
        def.help,
        watched(def),
      ]),
    )
  const watched = ({ name }: { readonly name: string }): string =>
    rules
      .filter(({ expr }) => new RegExp(`\\b${name}(_bucket|_sum|_count)?\\b`).test(expr))
      .map(({ alert }) => code(alert))
      .join(', ')
  return `## Alerts

The rules of \`monitoring/berth-rules.yaml\`; words in capitals are those of the case.

${table(
  ['alert', 'how bad', 'after', 'says', 'what to do'],
  rules.map(({ alert, labels, annotations, for: after = 'at once' }) => [
    code(alert),
    labels.severity,
    after,
    general(annotations.summary),
    general(annotations.description ?? ''),
  ]),
)}

## Metrics

Of \`/metrics\`. Where an alert watches a figure, it says what to do; the others explain what an alert found.

### Of an agent

A scheduler has those of the API, of controllers, objects, the database, the state folder and the process too.

${metricTable(AGENT_METRICS)}

### Of a scheduler

${metricTable(CLUSTER_METRICS)}
`
}

/** The whole document; a test compares it with the file. */
export const operationsDoc = (): string =>
  [HEAD, '## Conditions\n', ...CONDITIONS.map(conditions), checks(), events(), metrics(), errors()].join('\n')

if (process.argv[1]?.endsWith('gen-operations-doc.ts')) process.stdout.write(operationsDoc())
