// The expressions of monitoring/, and the metrics that they name.
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'

export interface Named {
  readonly name: string
  /** That the expression picks series by. */
  readonly labels: readonly string[]
}

export interface Expression {
  /** Alert or panel. */
  readonly of: string
  readonly expr: string
  readonly metrics: readonly Named[]
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
}

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[]
}

/** All our names begin like this, and no word of PromQL does. */
const METRIC = /\b((?:berth|process|d8)_[a-z0-9_]+|up)\b(?:\{([^}]*)\})?/g

const named = (expr: string): Named[] =>
  [...expr.matchAll(METRIC)].map(([, name = '', braces = '']) => ({
    name,
    labels: [...braces.matchAll(/([a-zA-Z_]+) *[=!]/g)].map(([, label = '']) => label),
  }))

/** Every one, of rules and dashboard. */
export function expressions(): Expression[] {
  const rules: Rules = parse(readFileSync('monitoring/berth-rules.yaml', 'utf8'))
  const dashboard: Dashboard = JSON.parse(readFileSync('monitoring/berth-dashboard.json', 'utf8'))
  return [
    ...rules.groups.flatMap((group) => group.rules.map(({ alert, expr }) => ({ of: alert, expr }))),
    ...dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ of: title, expr }))),
  ].map(({ of, expr }) => ({ of, expr, metrics: named(expr) }))
}
