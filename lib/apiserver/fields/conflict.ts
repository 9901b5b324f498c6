// A conflict between field managers in Kubernetes' words, which clients and people know.
import { ApiError, type FieldError } from '../../errors.ts'
import type { Conflict, ManagerEntry } from './managers.ts'
import { pathTexts } from './set.ts'

export function conflictError(conflicts: readonly Conflict[]): ApiError {
  const all = conflicts.flatMap(({ entry, fields }) => pathTexts(fields).map((path) => ({ who: nameOf(entry), path })))
  const causes = all.map(
    ({ who, path }): FieldError => ({ path, reason: 'FieldManagerConflict', message: `conflict with ${who}` }),
  )
  const [first] = all
  if (all.length === 1 && first !== undefined)
    return new ApiError('Conflict', `Apply failed with 1 conflict: conflict with ${first.who}: ${first.path}`, {
      causes,
    })
  const names = [...new Set(all.map(({ who }) => who))].sort()
  const groups = names.map((who) =>
    [`conflicts with ${who}:`, ...all.filter((each) => each.who === who).map(({ path }) => `- ${path}`)].join('\n'),
  )
  return new ApiError('Conflict', `Apply failed with ${all.length} conflicts: ${groups.join('\n')}`, { causes })
}

function nameOf({ manager, operation, apiVersion, subresource }: ManagerEntry): string {
  const name = JSON.stringify(manager) + (subresource === undefined ? '' : ` with subresource "${subresource}"`)
  return operation === 'Update' ? `${name} using ${apiVersion}` : name
}
