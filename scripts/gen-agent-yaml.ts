// Prints an agent.yaml that sets nothing and says everything: each key with its meaning and its default, as comments.
import { AgentConfigSchema } from '../agent/config.ts'

interface Property {
  readonly default?: unknown
  readonly description?: string
  readonly anyOf?: readonly { readonly const?: unknown }[]
  readonly properties?: Readonly<Record<string, Property>>
}

const WIDTH = 100
const HEAD = `# The agent of this host. Every key may be left out; what stands here as a comment is its default. An unknown key is refused.
# After a change: berth-agent --check-config && systemctl restart berth-agent   (guests run on)
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

export const agentYaml = (): string =>
  `${HEAD}\n${linesOf(AgentConfigSchema.properties as unknown as Record<string, Property>, '').join('\n')}\n`

if (/gen-agent-yaml\.[jt]s$/.test(process.argv[1] ?? '')) process.stdout.write(agentYaml())
