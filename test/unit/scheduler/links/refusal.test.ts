// What a host says no with, and what the scheduler makes of it: both ends in one table, as they are in two programs.
import { expect, it } from 'vitest'
import { refuseOld } from '../../../../agent/cluster/binding-admission.ts'
import { UnreachableError } from '../../../../lib/client/errors.ts'
import { ApiError } from '../../../../lib/errors.ts'
import { type Refusal, refusalOf } from '../../../../scheduler/links/refusal.ts'
import type { HostBinding } from '../../../../schemas/index.ts'
import { aBinding, RULER } from '../../../support/bindings.ts'

const known = { instance: RULER.instance, term: RULER.term, revision: '1' }
const obeys = (over: object, binding: HostBinding = aBinding(), before: HostBinding | null = null) =>
  answerOf(() => refuseOld(binding, before, { ...known, ...over }))

function answerOf(ask: () => void): Refusal | null {
  try {
    ask()
    return null
  } catch (error) {
    return refusalOf(error)
  }
}

it.each<[string, Refusal | null, Refusal | null]>([
  ['the scheduler that rules', obeys({}), null],
  ['one of a lower term', obeys({ term: RULER.term + 1, instance: 'other' }), 'superseded'],
  ['another start of the same term', obeys({ instance: 'other' }), 'superseded'],
  ['one that the host has no memory of', obeys({ term: 0, instance: '' }), 'unclaimed'],
  ['an epoch that the host is beyond', obeys({}, aBinding({ epoch: 2 }), aBinding({ epoch: 3 })), 'stale'],
  ['a return by the epoch of the release', obeys({}, aBinding(), aBinding({ role: 'Released' })), 'stale'],
  ['words without their subject', obeys({}, aBinding({}, [])), 'unfit'],
  ['no room', refusalOf(new ApiError('Conflict', 'not enough memory')), 'unfit'],
  ['a store that cannot write', refusalOf(new ApiError('ServiceUnavailable', 'the disk is full')), 'busy'],
  ['nobody there', refusalOf(new UnreachableError('h1', new Error('gone'))), 'silent'],
])('%s', (_, refusal, meant) => {
  expect(refusal).toBe(meant)
})
