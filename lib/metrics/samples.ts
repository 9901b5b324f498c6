// Figures that are asked for at a scrape, and their text. They live for one scrape only, so a series goes with the thing that it is about.
import type { Labels, MetricDef } from './define.ts'

/** The media type of Prometheus' text format. */
export const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Takes the figures of one scrape. */
export interface Sink {
  /** Figures that are not finite numbers are left out: what is not known has no series. */
  add<L extends string>(def: MetricDef<'gauge' | 'sum', L>, labels: Labels<L>, value: number | undefined): void
}

/** Lines by metric. */
export class Samples implements Sink {
  readonly #lines = new Map<string, string[]>()

  add<L extends string>(def: MetricDef<'gauge' | 'sum', L>, labels: Labels<L>, value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value)) return
    const lines = this.#lines.get(def.name)
    const line = `${def.name}${labelText(def.labels, labels)} ${value}`
    if (lines === undefined) this.#lines.set(def.name, [line])
    else lines.push(line)
  }

  linesOf({ name }: MetricDef): readonly string[] {
    return this.#lines.get(name) ?? []
  }
}

function labelText<L extends string>(names: readonly L[], labels: Labels<L>): string {
  if (names.length === 0) return ''
  let text = '{'
  for (const name of names) text += `${text === '{' ? '' : ','}${name}="${escapeValue(labels[name])}"`
  return `${text}}`
}

const SPECIAL = /[\\"\n]/g

/** Prometheus' text format: backslash, quote and line feed are escaped in a label's value. */
const escapeValue = (value: string): string =>
  value.replace(SPECIAL, (character) => (character === '\n' ? '\\n' : `\\${character}`))

/** The two lines before the figures of a metric. */
export const headOf = ({ name, help, kind }: MetricDef): string =>
  `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${kind === 'sum' ? 'counter' : kind}`
