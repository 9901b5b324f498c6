// Label and field selectors: from query text to a test on objects.
import type { KindDef } from '../../../schemas/kind.ts'
import { ApiError } from '../../errors.ts'
import type { KubeObject } from '../../object.ts'
import { labelValueProblem, qualifiedNameProblem } from '../core/metadata.ts'

export type Matches = (object: KubeObject) => boolean

export interface Selector {
  readonly matches: Matches
  /** Set when only an object of this name can match. */
  readonly name: string | null
  /** True when nothing is selected away. */
  readonly everything: boolean
}

const MAX_SELECTOR = 8192

/** @throws ApiError BadRequest with the part that is not understood */
export function parseSelectors(kind: KindDef, labels: string | null, fields: string | null): Selector {
  const requirements = [...parseLabelSelector(labels ?? '')]
  const terms = parseFieldSelector(kind, fields ?? '')
  return {
    matches: (object) =>
      requirements.every((matches) => matches(object.metadata.labels ?? {})) &&
      terms.every(({ value, equal, read }) => (read(object) === value) === equal),
    name: terms.find(({ path, equal }) => path === 'metadata.name' && equal)?.value ?? null,
    everything: requirements.length === 0 && terms.length === 0,
  }
}

type LabelTest = (labels: Readonly<Record<string, string>>) => boolean

const bad = (what: string): ApiError => new ApiError('BadRequest', what)

/** Equality (`a=b`, `a==b`, `a!=b`), sets (`a in (x,y)`, `a notin (x)`) and presence (`a`, `!a`), joined by commas. */
function parseLabelSelector(text: string): readonly LabelTest[] {
  if (text.length > MAX_SELECTOR) throw bad(`labelSelector is longer than ${MAX_SELECTOR} characters`)
  return splitOutside(text).map(parseRequirement)
}

/** Splits at commas that are not between parentheses. */
function splitOutside(text: string): string[] {
  const parts = text.split(/,(?![^()]*\))/).map((part) => part.trim())
  if (parts.length === 1 && parts[0] === '') return []
  return parts
}

function parseRequirement(text: string): LabelTest {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text)
  if (set !== null) {
    const key = labelKey(set[1], text)
    const values = new Set((set[3] ?? '').split(',').map((value) => labelValue(value, text)))
    if (set[2] === 'in') return (labels) => has(labels, key) && values.has(labels[key] ?? '')
    return (labels) => !has(labels, key) || !values.has(labels[key] ?? '')
  }
  const equality = /^([^=!\s]+)\s*(==|=|!=)\s*([^=!\s]*)$/.exec(text)
  if (equality !== null) {
    const key = labelKey(equality[1], text)
    const value = labelValue(equality[3] ?? '', text)
    if (equality[2] === '!=') return (labels) => !has(labels, key) || labels[key] !== value
    return (labels) => has(labels, key) && labels[key] === value
  }
  if (text.startsWith('!')) {
    const absent = labelKey(text.slice(1).trim(), text)
    return (labels) => !has(labels, absent)
  }
  const present = labelKey(text, text)
  return (labels) => has(labels, present)
}

const has = (labels: Readonly<Record<string, string>>, key: string): boolean => Object.hasOwn(labels, key)

function labelKey(key: string | undefined, text: string): string {
  if (key === undefined || qualifiedNameProblem(key) !== null) throw bad(`labelSelector: cannot understand "${text}"`)
  return key
}

function labelValue(value: string, text: string): string {
  const trimmed = value.trim()
  if (labelValueProblem(trimmed) !== null) throw bad(`labelSelector: "${text}" has a value that no label can have`)
  return trimmed
}

interface FieldTerm {
  readonly path: string
  readonly value: string
  readonly equal: boolean
  readonly read: (object: KubeObject) => string
}

function parseFieldSelector(kind: KindDef, text: string): readonly FieldTerm[] {
  if (text.length > MAX_SELECTOR) throw bad(`fieldSelector is longer than ${MAX_SELECTOR} characters`)
  if (text.trim() === '') return []
  return text.split(/(?<!\\),/).map((part) => {
    const parsed = /^\s*([\w.-]+)\s*(==|=|!=)(.*)$/s.exec(part)
    if (parsed === null) throw bad(`fieldSelector: cannot understand "${part}"`)
    const path = parsed[1] ?? ''
    const value = (parsed[3] ?? '').trim().replace(/\\([\\,=])/g, '$1')
    return { path, value, equal: parsed[2] !== '!=', read: fieldReader(kind, path) }
  })
}

function fieldReader(kind: KindDef, path: string): (object: KubeObject) => string {
  if (path === 'metadata.name') return (object) => object.metadata.name
  if (path === 'metadata.namespace') return (object) => object.metadata.namespace ?? ''
  const own = kind.selectableFields ?? {}
  const read = Object.hasOwn(own, path) ? own[path] : undefined
  if (read !== undefined) return read
  const known = ['metadata.name', 'metadata.namespace', ...Object.keys(own)]
  throw bad(`fieldSelector: ${kind.plural} cannot be selected by ${path}, only by ${known.join(', ')}`)
}
