// Who writes, for the record of field owners: `fieldManager` of the query, else the first word of the User-Agent.
import { ApiError } from '../../errors.ts'
import type { ApiRequest } from './answer.ts'
import { header } from './answer.ts'
import { booleanParameter } from './parameters.ts'

/** Characters of a manager's name at most (meta/v1). */
const MAX_MANAGER = 128

/** @throws ApiError Invalid */
export function fieldManager(request: ApiRequest): string {
  const given = request.query.get('fieldManager') ?? ''
  if (given.length > MAX_MANAGER || /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(given))
    throw new ApiError('Invalid', `fieldManager must have at most ${MAX_MANAGER} characters, all of them printable`)
  if (given !== '') return given
  const agent = (header(request, 'user-agent') ?? '').split('/')[0] ?? ''
  return agent.replace(/[^\x20-\x7e]/g, '').slice(0, MAX_MANAGER) || 'unknown'
}

/** An apply says its name itself. @throws ApiError Invalid */
export function applyManager(request: ApiRequest): { readonly manager: string; readonly force: boolean } {
  if ((request.query.get('fieldManager') ?? '') === '')
    throw new ApiError(
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    )
  return { manager: fieldManager(request), force: booleanParameter(request.query, 'force') }
}

/** @throws ApiError Invalid when the query has `force`, which only an apply may. */
export function refuseForce({ query }: ApiRequest): void {
  if (query.has('force'))
    throw new ApiError(
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    )
}
