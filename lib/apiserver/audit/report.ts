// The audit log as a read-only document of the API, for `berth audit` and for tools.
import { ApiError } from '../../errors.ts'
import { booleanParameter, numberParameter } from '../http/parameters.ts'
import type { Report } from '../http/router.ts'
import { type AuditFilter, readAudit } from './read.ts'

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 10_000

/** `GET /apis/GROUP/VERSION/audit?user=&verb=&resource=&namespace=&name=&since=&failed=&limit=`: an `audit.k8s.io/v1` EventList. */
export function auditReport(
  at: { readonly group: string; readonly version: string },
  path: string,
  flush: () => Promise<void>,
): Report {
  return {
    ...at,
    name: 'audit',
    // It tells about everybody, in every namespace.
    restricted: true,
    read: async (_signal, query) => {
      const filter = auditFilter(query)
      const limit = numberParameter(query, 'limit', MAX_LIMIT) || DEFAULT_LIMIT
      await flush()
      return {
        kind: 'EventList',
        apiVersion: 'audit.k8s.io/v1',
        metadata: {},
        items: await readAudit(path, filter, limit),
      }
    },
  }
}

const TEXTS = ['user', 'verb', 'namespace', 'resource', 'name'] as const
const KNOWN: readonly string[] = [...TEXTS, 'since', 'failed', 'limit', 'pretty']

/** @throws ApiError BadRequest for a parameter that is not known: a misspelt filter must not show everything */
export function auditFilter(query: URLSearchParams): AuditFilter {
  for (const name of query.keys())
    if (!KNOWN.includes(name)) throw new ApiError('BadRequest', `the audit log knows no parameter ${name}`)
  const texts = TEXTS.flatMap((name) => {
    const value = query.get(name) ?? ''
    return value === '' ? [] : [[name, value] as const]
  })
  const since = query.get('since') ?? ''
  const sinceMs = Date.parse(since)
  if (since !== '' && !(/^\d{4}-\d\d-\d\dT/.test(since) && Number.isFinite(sinceMs)))
    throw new ApiError('BadRequest', 'since must be a time such as 2026-01-31T10:00:00Z')
  return {
    ...Object.fromEntries(texts),
    ...(since === '' ? {} : { since: sinceMs }),
    ...(booleanParameter(query, 'failed') ? { failed: true } : {}),
  }
}
