// Prints docs/monitoring.md from the catalogue of metrics and the alert rules: npx tsx scripts/gen-monitoring-doc.ts > docs/monitoring.md
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { AGENT_METRICS } from '../agent/metrics/catalogue.ts'
import type { MetricDef } from '../lib/metrics/define.ts'

const HEAD = `# Monitoring

Made by \`scripts/gen-monitoring-doc.ts\` from \`lib/metrics/catalogue.ts\`, \`agent/metrics/catalogue.ts\` and \`monitoring/berth-rules.yaml\`; a
test keeps them equal.

## Scraping

Each agent answers \`GET /metrics\` in Prometheus' text format, over its unix socket and over TLS. Over TLS it needs a token with the right
to it, as it names the machines of all namespaces:

\`\`\`sh
berth token create prometheus --role metrics --cluster > /etc/prometheus/berth.token   # once per host, on the host
\`\`\`

\`\`\`yaml
scrape_configs:
  - job_name: berth-agent            # the rules and the dashboard go by this name
    scheme: https
    authorization: {credentials_file: /etc/prometheus/berth.token}
    tls_config: {ca_file: /etc/prometheus/berth-ca.pem}   # /var/lib/berth/keys/ca.crt of the host, or your own
    static_configs: [{targets: ['host.example:8750']}]    # of \`listen\` in the agent's configuration
rule_files: [/etc/prometheus/berth-rules.yaml]
\`\`\`

- Figures of guests come from one call of libvirt per scrape, which does not wait for machines that libvirt is busy with. When libvirt does not
  answer within 3 s the scrape comes without them, and \`berth_scrape_error{collector="guests"}\` is 1. No scrape takes longer than 4 s.
- A series goes with the machine, disk or image that it is about. Names that clients make up never become labels.
- Nothing is measured for metrics while nobody scrapes but counts of what happens anyway.
- \`monitoring/berth-rules.yaml\` has alerts, \`monitoring/berth-rules-test.yaml\` their tests for \`promtool test rules\`,
  \`monitoring/berth-dashboard.json\` a dashboard to import into Grafana.

## Health

| path | fails (503) when | who should ask |
|---|---|---|
| \`/livez\`, \`/healthz\` | the event loop does not come to answer, or the database's writer answers nothing at all (\`store-answers\`) | a watchdog that starts the agent anew. systemd has its own sign of life |
| \`/readyz\` | libvirt does not answer or machines are not looked after yet (\`libvirt\`), or nothing can be stored (\`store\`) | load balancers, tests, people. Reads are answered all the same, and guests run on |

\`?verbose\` lists each check, \`?exclude=NAME\` leaves one out, \`/readyz/NAME\` asks one alone, as in Kubernetes. Any good credential may
ask. Reasons are in the log and in the Node's conditions.

## Log

One JSON object a line on the standard output; in the journal each with its level. Beside \`level\`, \`time\` (ms since the epoch), \`pid\`,
\`hostname\` and \`msg\`:

| field | on lines | meaning |
|---|---|---|
| \`controller\`, \`key\`, \`reconcileId\` | of a pass of a controller, and of what it set going (imports) | which controller, which object (\`namespace/name\`), which pass; one id for all lines of a pass |
| \`uid\` | about machines, disks, images | the object's uid, libvirt's uuid of a machine |
| \`ms\` | at the end of a pass | how long it took |
| \`failures\`, \`retryInMs\` | of a failed pass | how often in a row, when it is tried again |
| \`request\` | of a request or stream | its id: \`audit-id\` in the answer, \`auditID\` in the [audit log](audit.md) |
| \`vm\`, \`user\`, \`client\`, \`reason\` | of streams | whose console, screen or port; who; from where; why it ended |
| \`collector\`, \`reason\` | of scrapes | what could not be collected |
| \`err\` | of errors | type, message, stack and cause |

Steps of passes are told at \`log.level: debug\`.

## A bundle for whoever helps

\`berth-agent debug [FILE]\` on the host, as root, writes a \`.tar.gz\` (0600): versions, configuration with defaults, every object with its
conditions and events, metrics, health, host checks, figures of the database, definitions of our domains, the agent's journal, ends of QEMU's
logs, names and sizes of the files in the state folder. It needs neither the agent nor libvirt: \`MANIFEST.txt\` names what is missing and
why. Each part has 15 s, 8 Mi characters per file, 64 Mi in all.

Left out: data of Secrets and ConfigMaps, user data, hashes of tokens, keys, passwords of screens, credentials and queries in URLs, consoles
of guests, the audit log. What was seen of secrets on the way is taken out of everything else as well. Still, look into it before you give it
away: names of machines, users and addresses are in it.
`

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')
const type = ({ kind }: MetricDef): string => (kind === 'sum' ? 'counter' : kind)

function metricsTable(): string {
  const rows = AGENT_METRICS.map(
    (def) =>
      `| \`${def.name}\` | ${type(def)} | ${def.labels.map((label) => `\`${label}\``).join(', ')} | ${cell(def.help)} |`,
  )
  return ['## Metrics', '', '| name | type | labels | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

interface Rule {
  readonly alert: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description?: string }
}

/** Templates of Prometheus as words: `{{ $labels.instance }}` is *instance*. */
const plain = (text: string): string =>
  cell(text.replace(/\{\{ *\$(?:labels\.)?(\w+)(?: *\| *\w+)? *\}\}/g, (_, name: string) => `*${name}*`))

function alertsTable(): string {
  const { groups } = parse(readFileSync(new URL('../monitoring/berth-rules.yaml', import.meta.url), 'utf8')) as {
    readonly groups: readonly { readonly rules: readonly Rule[] }[]
  }
  const rows = groups
    .flatMap(({ rules }) => rules)
    .map(
      ({ alert, labels, annotations, ...rule }) =>
        `| \`${alert}\` | ${labels.severity} | ${rule.for ?? 'at once'} | ${plain(annotations.summary)} | ${plain(annotations.description ?? '')} |`,
    )
  return ['## Alerts', '', '| alert | severity | after | says | what to know |', '|---|---|---|---|---|', ...rows].join(
    '\n',
  )
}

/** The whole document; a test compares it with the file. */
export const monitoringDoc = (): string => `${HEAD}\n${metricsTable()}\n\n${alertsTable()}\n`

if (process.argv[1]?.endsWith('gen-monitoring-doc.ts')) process.stdout.write(monitoringDoc())
