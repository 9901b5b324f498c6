import { expect, it } from 'vitest'
import { isAudited } from '../../../../../lib/apiserver/audit/recorder.ts'
import type { Attributes } from '../../../../../lib/apiserver/auth/attributes.ts'
import { OWN_CALLER, UNIX_CALLER } from '../../../../../lib/apiserver/auth/caller.ts'
import type { Exchange } from '../../../../../lib/apiserver/auth/observe.ts'

const about = (verb: string, resource: string, subresource = '', group = ''): Attributes => ({
  verb,
  path: '/x',
  resource: { group, version: 'v1', resource, subresource, namespace: 'a', name: 'b' },
})
const path: Attributes = { verb: 'get', path: '/version', resource: null }
const exchange = (attributes: Attributes | null, caller: Exchange['caller'] = UNIX_CALLER): Exchange => ({
  id: '1',
  method: 'GET',
  url: '/x',
  userAgent: '',
  client: 'unix',
  startedAt: 0,
  caller,
  attributes,
})
const STREAMS = 'subresources.virtualization.deckhouse.io'

type Row = readonly [title: string, Exchange, stage: 'started' | 'ended', code: number, reads: boolean, boolean]
const ROWS: readonly Row[] = [
  ['a write', exchange(about('create', 'nodes')), 'ended', 201, false, true],
  ['a write that was refused', exchange(about('patch', 'nodes')), 'ended', 422, false, true],
  ['a lease that a host renewed', exchange(about('create', 'leaserenewals')), 'ended', 201, false, false],
  ['a lease that was refused', exchange(about('create', 'leaserenewals')), 'ended', 403, false, true],
  ['a read', exchange(about('list', 'nodes')), 'ended', 200, false, false],
  ['a read, when all are wanted', exchange(about('list', 'nodes')), 'ended', 200, true, true],
  ['a read of what is not there', exchange(about('get', 'nodes')), 'ended', 404, false, false],
  ['a deletion of what is not there', exchange(about('delete', 'nodes')), 'ended', 404, false, true],
  ['a read that is forbidden', exchange(about('get', 'nodes')), 'ended', 403, false, true],
  ['a read of a Secret', exchange(about('get', 'secrets')), 'ended', 200, false, true],
  ['a watch of Secrets that opens', exchange(about('watch', 'secrets')), 'started', 200, false, true],
  ['a watch of others that opens', exchange(about('watch', 'nodes')), 'started', 200, false, false],
  ['a stream that opens', exchange(about('get', 'virtualmachines', 'console', STREAMS)), 'started', 101, false, true],
  ['a stream that ends', exchange(about('get', 'virtualmachines', 'console', STREAMS)), 'ended', 101, false, true],
  ['a document', exchange(path), 'ended', 200, false, false],
  ['a stranger', exchange(null, null), 'ended', 401, false, true],
  ['who was told to slow down', exchange(null, null), 'ended', 429, false, false],
  ['this process itself', exchange(about('create', 'nodes'), OWN_CALLER), 'ended', 201, false, false],
]

it.each(ROWS)('%s', (_title, given, stage, code, reads, expected) => {
  expect(isAudited(given, { stage, code, durationMs: 1 }, { reads })).toBe(expected)
})
