// Prints docs/configuration.md from the configurations' schemas: npx tsx scripts/gen-configuration-doc.ts > docs/configuration.md
import { AgentConfigSchema } from '../agent/config.ts'
import { SchedulerConfigSchema } from '../scheduler/config.ts'

interface Property {
  readonly type?: string
  readonly default?: unknown
  readonly description?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly anyOf?: readonly { readonly const?: unknown }[]
  readonly properties?: Readonly<Record<string, Property>>
}

const TABLE = `
| key | values | default | meaning |
|---|---|---|---|
`

const AGENT_HEAD = `# Configuration

## The agent

\`/etc/berth/agent.yaml\` (\`berth-agent --config FILE\`). Every key may be left out; an unknown key is refused.
Made from the schema in \`agent/config.ts\` by \`scripts/gen-configuration-doc.ts\`.
${TABLE}`

const SCHEDULER_HEAD = `
## The scheduler

\`/etc/berth/scheduler.yaml\` (\`berth-scheduler --config FILE\`), likewise; from \`scheduler/config.ts\`.
${TABLE}`

function values(property: Property): string {
  if (property.anyOf) return property.anyOf.map((option) => `\`${String(option.const)}\``).join(', ')
  const range = [property.minimum ?? '', property.maximum ?? ''].join(' to ')
  return range === ' to ' ? (property.type ?? '') : `${property.type} ${range}`
}

function rows(properties: Readonly<Record<string, Property>>, prefix = ''): string[] {
  return Object.entries(properties).flatMap(([key, property]) => {
    if (property.properties) return rows(property.properties, `${prefix}${key}.`)
    const fallback = property.default === undefined ? '' : `\`${JSON.stringify(property.default)}\``
    return [`| \`${prefix}${key}\` | ${values(property)} | ${fallback} | ${property.description ?? ''} |`]
  })
}

const rowsOf = (schema: { readonly properties: unknown }): string =>
  `${rows(schema.properties as Record<string, Property>).join('\n')}\n`

/** The whole document; a test compares it with the file. */
export const configurationDoc = (): string =>
  `${AGENT_HEAD}${rowsOf(AgentConfigSchema)}${SCHEDULER_HEAD}${rowsOf(SchedulerConfigSchema)}`

if (process.argv[1]?.endsWith('gen-configuration-doc.ts')) process.stdout.write(configurationDoc())
