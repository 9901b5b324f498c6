import { expect, it } from 'vitest'
import { markOf, marksOf, selectionOf } from '../../../../lib/placement/terms.ts'
import type { NeighbourTerm } from '../../../../lib/placement/types.ts'

const owner = { namespace: 'n1', labels: { app: 'web', release: '1' } }
type Term = Omit<NeighbourTerm, 'topologyKey'>
const web = { matchLabels: { app: 'web' } }
const keyOf = (term: Term) => selectionOf(owner, term)?.key

it.each<[string, Term, Term, boolean]>([
  [
    'values in another order',
    { labelSelector: { matchExpressions: [{ key: 'a', operator: 'In', values: ['1', '2'] }] } },
    { labelSelector: { matchExpressions: [{ key: 'a', operator: 'In', values: ['2', '1'] }] } },
    true,
  ],
  [
    'the short form',
    { labelSelector: web },
    { labelSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['web'] }] } },
    true,
  ],
  ['the own namespace by name', { labelSelector: web }, { labelSelector: web, namespaces: ['n1'] }, true],
  [
    'namespaces in another order',
    { labelSelector: web, namespaces: ['a', 'b'] },
    { labelSelector: web, namespaces: ['b', 'a'] },
    true,
  ],
  [
    'one namespace with a comma, two without',
    { labelSelector: web, namespaces: ['a,b'] },
    { labelSelector: web, namespaces: ['a', 'b'] },
    false,
  ],
  ['all namespaces, and none', { labelSelector: web, namespaceSelector: {} }, { labelSelector: web }, false],
  ['the own release alone', { labelSelector: web, matchLabelKeys: ['release'] }, { labelSelector: web }, false],
  [
    'a label that the owner does not have',
    { labelSelector: web, matchLabelKeys: ['absent'] },
    { labelSelector: web },
    true,
  ],
])('equal selections have equal keys: %s', (_title, a, b, equal) => {
  if (equal) expect(keyOf(a)).toBe(keyOf(b))
  else expect(keyOf(a)).not.toBe(keyOf(b))
})

it('a term without a selector speaks of nobody', () => expect(selectionOf(owner, {})).toBeNull())

it.each<[string, Term, string | null]>([
  ['an exact label', { labelSelector: web, namespaceSelector: {} }, 'app=web'],
  ['the only namespace', { labelSelector: {} }, '/n1'],
  ['nothing', { labelSelector: {}, namespaceSelector: {} }, null],
  [
    'not one of several values',
    { labelSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['web', 'db'] }] } },
    '/n1',
  ],
])('VMs are found by %s', (_title, term, mark) => {
  const spec = selectionOf(owner, term)
  expect(spec === null ? undefined : markOf(spec)).toBe(mark)
  if (mark !== null) expect(marksOf(owner)).toContain(mark)
})
