// Accept headers: which form of an answer a client wants.
import { ApiError } from '../../errors.ts'

export interface AnswerForm {
  readonly encoding: 'json' | 'yaml'
  readonly as: 'object' | 'table' | 'metadata' | 'discovery'
  /** The version of `as`: `v1` for tables, `v2` or `v2beta1` for discovery. */
  readonly version: string
}

const PLAIN: AnswerForm = { encoding: 'json', as: 'object', version: '' }
const FORMS: Readonly<Record<string, AnswerForm['as']>> = {
  Table: 'table',
  PartialObjectMetadata: 'metadata',
  PartialObjectMetadataList: 'metadata',
  APIGroupDiscoveryList: 'discovery',
}

/** The first form that the client names and the server has; `allowed` are the transformations that make sense here. @throws ApiError NotAcceptable */
export function negotiate(accept: string | undefined, allowed: readonly AnswerForm['as'][] = []): AnswerForm {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === 'application/json') return PLAIN
  for (const range of accept.slice(0, 4096).split(',')) {
    const form = parseRange(range, allowed)
    if (form !== null) return form
  }
  throw new ApiError('NotAcceptable', 'only application/json and application/yaml can be answered here')
}

function parseRange(range: string, allowed: readonly AnswerForm['as'][]): AnswerForm | null {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
  const encoding = encodingOf(type.toLowerCase())
  if (encoding === null) return null
  const get = (name: string): string | undefined =>
    parameters.find((parameter) => parameter.startsWith(`${name}=`))?.slice(name.length + 1)
  const asked = get('as')
  if (asked === undefined) return { encoding, as: 'object', version: '' }
  const as = Object.hasOwn(FORMS, asked) ? FORMS[asked] : undefined
  const version = get('v') ?? ''
  const known = as === 'discovery' ? ['v2', 'v2beta1'] : ['v1']
  if (as === undefined || !allowed.includes(as) || !known.includes(version)) return null
  return { encoding, as, version }
}

function encodingOf(type: string): AnswerForm['encoding'] | null {
  if (type === 'application/json' || type === '*/*' || type === 'application/*') return 'json'
  return type === 'application/yaml' ? 'yaml' : null
}
