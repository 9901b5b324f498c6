// Objects in files: YAML with several documents, JSON, folders of both, standard input.
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LineCounter, parseAllDocuments } from 'yaml'
import { messageOf } from '../lib/errors.ts'
import type { Io } from './io.ts'
import { UsageError } from './usage.ts'

export interface ManifestMeta {
  readonly [key: string]: unknown
  readonly name?: string
  readonly generateName?: string
  readonly namespace?: string
}

/** An object as a file has it, with the fields that say what it is checked. */
export interface ManifestObject {
  readonly [key: string]: unknown
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ManifestMeta
}

/** `source` is `FILE:LINE` of where it begins. */
export type Manifest =
  | { readonly source: string; readonly object: ManifestObject }
  | { readonly source: string; readonly error: string }

const EXTENSIONS = ['.yaml', '.yml', '.json']
/** Bytes of one file at most: 16 objects of the largest size. */
const MAX_FILE_BYTES = 16 * 1_048_576

type Fields = Readonly<Record<string, unknown>>
const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** All manifests of the paths, in the order given; a folder's files by name, sub-folders left out. @throws UsageError for a missing path */
export async function readManifests(paths: readonly string[], io: Io): Promise<Manifest[]> {
  const manifests: Manifest[] = []
  for (const path of paths) {
    if (path === '-') manifests.push(...parseManifests(await readAll(io), 'standard input'))
    else for (const file of await filesOf(path)) manifests.push(...parseManifests(await readBounded(file), file))
  }
  return manifests
}

async function filesOf(path: string): Promise<string[]> {
  const info = await stat(path).catch((error: unknown) => {
    throw new UsageError(`-f ${path}: ${messageOf(error)}`)
  })
  if (!info.isDirectory()) return [path]
  const names = (await readdir(path)).filter((name) => EXTENSIONS.some((extension) => name.endsWith(extension))).sort()
  if (names.length === 0) throw new UsageError(`-f ${path}: the folder has no ${EXTENSIONS.join(', ')} file`)
  return names.map((name) => join(path, name))
}

async function readBounded(file: string): Promise<string> {
  const { size } = await stat(file)
  if (size > MAX_FILE_BYTES) throw new UsageError(`-f ${file}: larger than ${MAX_FILE_BYTES} bytes`)
  return await readFile(file, 'utf8')
}

async function readAll(io: Io): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of io.stdin) {
    const bytes: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    size += bytes.length
    if (size > MAX_FILE_BYTES) throw new UsageError(`standard input: larger than ${MAX_FILE_BYTES} bytes`)
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The manifests in a text; a `List` counts as its items. A damaged document is an entry with its error. */
export function parseManifests(text: string, file: string): Manifest[] {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter: lines, merge: true })
  const manifests: Manifest[] = []
  for (const document of documents) {
    const start = lines.linePos(document.contents?.range?.[0] ?? document.range?.[0] ?? 0).line
    const [error] = document.errors
    if (error !== undefined) {
      const at = error.linePos?.[0].line ?? start
      manifests.push({ source: `${file}:${at}`, error: `not YAML: ${error.message.split('\n')[0]}` })
      continue
    }
    const value = toPlain(() => document.toJS() as unknown)
    if ('error' in value) manifests.push({ source: `${file}:${start}`, error: value.error })
    else if (value.plain !== null && value.plain !== undefined)
      manifests.push(...unfold(value.plain, `${file}:${start}`))
  }
  return manifests
}

/** Aliases are resolved here, with a bound on their number: too many throw. */
function toPlain(convert: () => unknown): { readonly plain: unknown } | { readonly error: string } {
  try {
    return { plain: convert() }
  } catch (error) {
    return { error: messageOf(error) }
  }
}

function unfold(value: unknown, source: string): Manifest[] {
  if (isRecord(value) && value.kind === 'List' && Array.isArray(value.items))
    return value.items.map((item, index) => check(item, `${source} items[${index}]`))
  return [check(value, source)]
}

function check(value: unknown, source: string): Manifest {
  const fault = faultOf(value)
  return fault === undefined ? { source, object: value as ManifestObject } : { source, error: fault }
}

function faultOf(value: unknown): string | undefined {
  if (!isRecord(value)) return 'not an object'
  for (const key of ['apiVersion', 'kind'])
    if (typeof value[key] !== 'string' || value[key] === '') return `${key}: required`
  const { metadata } = value
  if (!isRecord(metadata)) return 'metadata: required'
  for (const key of ['name', 'generateName', 'namespace'])
    if (metadata[key] !== undefined && typeof metadata[key] !== 'string') return `metadata.${key}: must be a string`
  return metadata.name === undefined && metadata.generateName === undefined ? 'metadata.name: required' : undefined
}
