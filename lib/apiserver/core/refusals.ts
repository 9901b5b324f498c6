// The words of the API's refusals, the same from every verb, and how a store's errors become them.
import type { KindDef } from '../../../schemas/kind.ts'
import { ApiError, type FieldError } from '../../errors.ts'
import { StoreError, type StoreKey, type Trouble } from '../../store/store.ts'

const detailsOf = (kind: KindDef, name: string) => ({ group: kind.group, kind: kind.plural, name })

export const notFound = (kind: KindDef, name: string): ApiError =>
  new ApiError('NotFound', `${kind.resource} "${name}" not found`, detailsOf(kind, name))

export const conflict = (kind: KindDef, name: string, why: string): ApiError =>
  new ApiError('Conflict', `Operation cannot be fulfilled on ${kind.resource} "${name}": ${why}`, detailsOf(kind, name))

/** The usual conflict: a write under a resourceVersion that is no longer the newest. */
export const modified = (kind: KindDef, name: string): ApiError =>
  conflict(kind, name, 'the object has been modified; please apply your changes to the latest version and try again')

export function invalid(kind: KindDef, name: string, causes: readonly FieldError[]): ApiError {
  const who = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`
  const what = causes.map((cause) => (cause.path === '' ? cause.message : `${cause.path}: ${cause.message}`))
  const list = what.length === 1 ? what[0] : `[${what.join(', ')}]`
  return new ApiError('Invalid', `${who} "${name}" is invalid: ${list}`, {
    group: kind.group,
    kind: kind.kind,
    name,
    causes,
  })
}

/** Runs a store call; its errors come out as API errors about `kind`. */
export async function fromStore<T>(kind: KindDef, key: Pick<StoreKey, 'name'>, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw error instanceof StoreError ? storeRefusal(kind, key.name, error) : error
  }
}

export function storeRefusal(kind: KindDef, name: string, error: StoreError): ApiError {
  switch (error.code) {
    case 'exists':
      return new ApiError('AlreadyExists', `${kind.resource} "${name}" already exists`, detailsOf(kind, name), {
        cause: error,
      })
    case 'not-found':
      return notFound(kind, name)
    case 'conflict':
      return modified(kind, name)
    case 'expired':
      return new ApiError('Expired', 'The resourceVersion or continue token is too old: list again from the beginning')
    case 'too-large':
      return new ApiError('RequestEntityTooLarge', `${kind.resource} "${name}" is larger than an object may be`)
    case 'too-many':
      return new ApiError('RequestEntityTooLarge', 'too many objects in one transaction')
    case 'bad-token':
      return new ApiError('BadRequest', 'the continue token is not valid')
    case 'unavailable':
      return troubled(error)
  }
}

/** What clients are told of the server's own troubles; files and codes are for its log. */
const TROUBLES: Readonly<Record<Trouble, string>> = {
  full: 'no space is left for the database: nothing is stored until there is some',
  'read-only': 'the database takes no writes: its file system or its files are read-only',
  damaged: 'the database is damaged: nothing more is stored until an operator restores a backup or rebuilds it',
  io: 'the database cannot be read or written: the disk fails',
  unsynced: 'the database cannot be trusted to keep what is written: the server starts anew',
  busy: 'the database is locked by another program',
  unusable: 'the database cannot be used as it is: an operator has to look at the log',
  closed: 'the server is shutting down',
}

/** Waiting does not mend a damaged database; everything else may be over when the client comes again. */
function troubled(error: StoreError): ApiError {
  const words = error.trouble === undefined ? 'the store cannot take the request now' : TROUBLES[error.trouble]
  if (error.trouble === 'damaged') return new ApiError('InternalError', words, {}, { cause: error })
  return new ApiError('ServiceUnavailable', words, { retryAfterSeconds: 5 }, { cause: error })
}
