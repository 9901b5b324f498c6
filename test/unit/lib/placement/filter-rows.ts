// A table of what one host has against one machine.
import { expect, it } from 'vitest'
import { type Ask, explain, type NodeFacts, type VmFacts } from '../../../../lib/placement/index.ts'
import { clusterOf, host, machine } from './world.ts'

export interface Row {
  readonly title: string
  readonly vm?: Partial<VmFacts>
  readonly ask?: Partial<Ask>
  readonly host?: Partial<NodeFacts>
  /** Empty for a fit. */
  readonly reasons: readonly string[]
}

export function checkRows(rows: readonly Row[]): void {
  it.each(rows)('$title', ({ vm = {}, ask = {}, host: facts = {}, reasons }) => {
    const [verdict] = explain(clusterOf([host('h1', facts)]), { vm: machine('new', vm), ...ask })
    expect(verdict?.fit ? [] : verdict?.reasons.map(({ words }) => words)).toEqual(reasons)
  })
}
