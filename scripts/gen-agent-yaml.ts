// Prints an agent.yaml (or, with the word `scheduler`, a scheduler.yaml) that sets nothing and says everything: each key with its meaning
// and its default, as comments.
import { AgentConfigSchema } from '../agent/config.ts'
import { SchedulerConfigSchema } from '../scheduler/config.ts'

interface Property {
  readonly default?: unknown
  readonly description?: string
  readonly anyOf?: readonly { readonly const?: unknown }[]
  readonly properties?: Readonly<Record<string, Property>>
}

const WIDTH = 100
const AGENT_HEAD = `# The agent of this host. Every key may be left out; what stands here as a comment is its default. An unknown key is refused.
# After a change: berth-agent --check-config && systemctl restart berth-agent   (guests run on)
`
const SCHEDULER_HEAD = `# The scheduler. Every key may be left out; what stands here as a comment is its default. An unknown key is refused.
# After a change: berth-scheduler --check-config && systemctl restart berth-scheduler   (hosts and guests go on)
`

function wrapped(text: string, indent: string): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1] ?? ''
    if (last !== '' && last.length + word.length + 1 > WIDTH) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines.map((line) => `${indent}# ${line}`)
}

const choices = ({ anyOf }: Property): string =>
  anyOf === undefined ? '' : ` One of: ${anyOf.map((choice) => String(choice.const)).join(', ')}.`

function linesOf(properties: Readonly<Record<string, Property>>, indent: string): string[] {
  return Object.entries(properties).flatMap(([key, property]) => {
    if (property.properties) return ['', `${indent}#${key}:`, ...linesOf(property.properties, `${indent}  `)]
    const value = property.default === undefined ? '' : ` ${JSON.stringify(property.default)}`
    return [...wrapped(`${property.description ?? ''}${choices(property)}`.trim(), indent), `${indent}#${key}:${value}`]
  })
}

const yamlOf = (head: string, schema: { readonly properties: unknown }): string =>
  `${head}\n${linesOf(schema.properties as Record<string, Property>, '').join('\n')}\n`

export const agentYaml = (): string => yamlOf(AGENT_HEAD, AgentConfigSchema)
export const schedulerYaml = (): string => yamlOf(SCHEDULER_HEAD, SchedulerConfigSchema)

if (/gen-agent-yaml\.[jt]s$/.test(process.argv[1] ?? ''))
  process.stdout.write(process.argv[2] === 'scheduler' ? schedulerYaml() : agentYaml())
