// The `continue` token of a paged list: opaque to clients, checked on return.
import { type Revision, StoreError } from '../store.ts'

/** Where the next page starts, and the revision that every page shows. */
export interface PageToken {
  readonly revision: Revision
  readonly after: { readonly namespace: string; readonly name: string }
  /** Entries that come after this page. */
  readonly remaining: number
}

interface Scope {
  readonly storeId: string
  readonly resource: string
  readonly namespace: string | undefined
}

const VERSION = 1
const MAX_LENGTH = 2_048

export const writeToken = ({ storeId, resource, namespace }: Scope, token: PageToken): string =>
  Buffer.from(
    JSON.stringify([
      VERSION,
      storeId,
      resource,
      namespace ?? null,
      String(token.revision),
      token.after.namespace,
      token.after.name,
      token.remaining,
    ]),
  ).toString('base64url')

const bad = () => new StoreError('bad-token', 'the continue token is not one that this server gave for this list')

function parse(text: string): readonly unknown[] {
  if (text.length > MAX_LENGTH || !/^[\w-]+$/.test(text)) throw bad()
  try {
    const fields: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (Array.isArray(fields) && fields.length === 8 && fields[0] === VERSION) return fields
  } catch {}
  throw bad()
}

/** @throws StoreError `bad-token` when malformed or of another list, `expired` when of another store */
export function readToken(scope: Scope, text: string): PageToken {
  const [, storeId, resource, namespace, revision, afterNamespace, name, remaining] = parse(text)
  if (typeof revision !== 'string' || !/^\d{1,18}$/.test(revision)) throw bad()
  if (typeof afterNamespace !== 'string' || typeof name !== 'string') throw bad()
  if (typeof remaining !== 'number' || !Number.isSafeInteger(remaining) || remaining < 0) throw bad()
  if (resource !== scope.resource || namespace !== (scope.namespace ?? null)) throw bad()
  if (storeId !== scope.storeId) {
    throw new StoreError('expired', 'the continue token is of an earlier life of this store; list again from the start')
  }
  return { revision: BigInt(revision), after: { namespace: afterNamespace, name }, remaining }
}
