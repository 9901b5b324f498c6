// What an agent's "no" to a binding means. Agents name the field that they object to; the words are theirs.
import { UnreachableError } from '../../lib/client/errors.ts'
import { ApiError } from '../../lib/errors.ts'

/**
 * `superseded`: a newer scheduler has spoken there; `unclaimed`: the host does not know this one; `stale`: the host knows a higher epoch of the object; `unfit`: the host cannot
 * take it; `silent`: nobody answered, and whether it was stored is unknown; `busy`: the agent cannot write now.
 */
export type Refusal = 'superseded' | 'unclaimed' | 'stale' | 'unfit' | 'silent' | 'busy'

const LATER: readonly string[] = ['ServiceUnavailable', 'TooManyRequests', 'InternalError', 'Expired']
/** Nothing about the object: the scheduler's own rights or certificate. */
const NOT_LET_IN: readonly string[] = ['Unauthorized', 'Forbidden']

export function refusalOf(error: unknown): Refusal {
  if (error instanceof UnreachableError) return 'silent'
  if (!(error instanceof ApiError) || error.reason === 'Timeout') return 'silent'
  if (LATER.includes(error.reason) || NOT_LET_IN.includes(error.reason)) return 'busy'
  const fields = (error.details.causes ?? []).map(({ path }) => path)
  // It has not heard this scheduler's claim yet, or has forgotten it: it is asked again.
  if (fields.includes('spec.ruler.term')) return 'unclaimed'
  if (fields.some((field) => field.startsWith('spec.ruler'))) return 'superseded'
  if (fields.some((field) => field.startsWith('spec.epoch'))) return 'stale'
  return 'unfit'
}
