// Which kinds a server has and how people may call them.
import { ApiError } from '../errors.ts'
import { nearest } from './nearest.ts'
import { apiVersionOf, groupPath, groupResource, type ResourceInfo } from './paths.ts'
import type { Transport } from './transport.ts'

type Fields = Readonly<Record<string, unknown>>
const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
const records = (value: unknown): Fields[] => (Array.isArray(value) ? value.filter(isRecord) : [])

interface GroupVersion {
  readonly group: string
  readonly version: string
}

/** The kinds of a server, preferred versions first. */
export class Catalog {
  readonly resources: readonly ResourceInfo[]

  constructor(resources: readonly ResourceInfo[]) {
    this.resources = resources
  }

  /** One entry per kind, in its preferred version. */
  preferred(): readonly ResourceInfo[] {
    const seen = new Map<string, ResourceInfo>()
    for (const resource of this.resources) {
      const key = groupResource(resource)
      if (!seen.has(key)) seen.set(key, resource)
    }
    return [...seen.values()]
  }

  /**
   * The resource that a person means by `vm`, `VirtualMachines`, `virtualmachines.virtualization.deckhouse.io`.
   * @throws ApiError `NotFound` that names the nearest kinds
   */
  resolve(word: string): ResourceInfo {
    const wanted = word.toLowerCase()
    const found = this.preferred().find((resource) => namesOf(resource).includes(wanted))
    if (found !== undefined) return found
    throw new ApiError('NotFound', `this server has no kind "${word}"${this.#hint(wanted)}`)
  }

  /** The resource of an object's `apiVersion` and `kind`. @throws ApiError `NotFound` that names what is near */
  ofObject(apiVersion: string, kind: string): ResourceInfo {
    const found = this.resources.find((resource) => resource.kind === kind && apiVersionOf(resource) === apiVersion)
    if (found !== undefined) return found
    const elsewhere = this.resources.filter((resource) => resource.kind === kind).map(apiVersionOf)
    const hint = elsewhere.length > 0 ? `; it has it in ${elsewhere.join(', ')}` : this.#hint(kind.toLowerCase())
    throw new ApiError('NotFound', `this server has no kind ${kind} in ${apiVersion}${hint}`)
  }

  #hint(wanted: string): string {
    const all = this.preferred()
    const words = all.flatMap((resource) => [resource.singular, resource.plural, ...resource.shortNames])
    const near = nearest(wanted, words)
    const kinds = new Set(
      near.map((word) => all.find((resource) => namesOf(resource).includes(word))?.singular ?? word),
    )
    return kinds.size === 0 ? '; see `berth api-resources`' : `; did you mean ${[...kinds].join(' or ')}?`
  }
}

function namesOf(resource: ResourceInfo): string[] {
  const names = [resource.plural, resource.singular, resource.kind, ...resource.shortNames].map((name) =>
    name.toLowerCase(),
  )
  const suffixes = resource.group === '' ? [] : [`.${resource.group}`, `.${resource.version}.${resource.group}`]
  return [...names, ...suffixes.flatMap((suffix) => [`${resource.plural}${suffix}`, `${resource.singular}${suffix}`])]
}

/** Asks the server for its kinds. */
export async function discover(transport: Transport, signal?: AbortSignal): Promise<Catalog> {
  const options = signal === undefined ? {} : { signal }
  const [core, groups] = await Promise.all([
    transport.json({ path: '/api/v1', ...options }),
    transport.json({ path: '/apis', ...options }),
  ])
  const versions = groupVersions(groups)
  const lists = await Promise.all(versions.map((gv) => transport.json({ path: groupPath(gv), ...options })))
  const named = versions.flatMap((gv, index) => resourcesOf(gv, lists[index]))
  return new Catalog([...resourcesOf({ group: '', version: 'v1' }, core), ...named])
}

/** Groups in the server's order, each with its preferred version first. */
function groupVersions(answer: unknown): GroupVersion[] {
  return records(isRecord(answer) ? answer.groups : undefined).flatMap((entry) => {
    const preferred = isRecord(entry.preferredVersion) ? text(entry.preferredVersion.version) : ''
    const versions = records(entry.versions).map(({ version }) => text(version))
    const ordered = [preferred, ...versions.filter((version) => version !== preferred)].filter(
      (version) => version !== '',
    )
    return ordered.map((version) => ({ group: text(entry.name), version }))
  })
}

function resourcesOf({ group, version }: GroupVersion, answer: unknown): ResourceInfo[] {
  return records(isRecord(answer) ? answer.resources : undefined)
    .filter(({ name }) => !text(name).includes('/'))
    .filter(({ verbs }) => texts(verbs).includes('get'))
    .map((entry) => ({
      group,
      version,
      plural: text(entry.name),
      singular: text(entry.singularName) || text(entry.kind).toLowerCase(),
      kind: text(entry.kind),
      namespaced: entry.namespaced === true,
      shortNames: texts(entry.shortNames),
      categories: texts(entry.categories),
      verbs: texts(entry.verbs),
    }))
}
