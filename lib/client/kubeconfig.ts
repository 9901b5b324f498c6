// Reads a kubeconfig: the one context that is asked for, as a target. What it cannot honour it refuses by name.
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import type { Target, TlsMaterial } from './target.ts'

/** A kubeconfig that cannot be used; the message names the file and the field. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError'
}

type Fields = Readonly<Record<string, unknown>>
const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads files that a kubeconfig names; tests give their own. */
export type ReadText = (path: string) => Promise<string>

const readUtf8: ReadText = (path) => readFile(path, 'utf8')

/**
 * The target of `context`, or of the file's current context.
 * @throws KubeconfigError for a missing or damaged file, an unknown context, or a way to authenticate that is not built
 */
export async function loadKubeconfig(path: string, context?: string, read: ReadText = readUtf8): Promise<Target> {
  const fail = (message: string, cause?: unknown): never => {
    throw new KubeconfigError(`kubeconfig ${path}: ${message}`, { cause })
  }
  const content = await read(path).catch((error: unknown) => fail(`cannot be read (${reason(error)})`, error))
  const config = parseConfig(content, fail)
  const file = new Reader(dirname(resolve(path)), read, fail)

  const contextName =
    context ?? file.text(config, 'current-context') ?? fail('current-context is not set; name one with --context')
  const chosen = file.named(config, 'contexts', contextName, 'context')
  const clusterName = file.text(chosen, 'cluster') ?? fail(`context ${contextName} names no cluster`)
  const cluster = file.named(config, 'clusters', clusterName, 'cluster')
  const userName = file.text(chosen, 'user')
  const user = userName === undefined ? {} : file.named(config, 'users', userName, 'user')

  if (cluster['insecure-skip-tls-verify'] === true)
    fail('insecure-skip-tls-verify is not supported; put the authority into certificate-authority-data')
  if (cluster['proxy-url'] !== undefined) fail('proxy-url is not supported')
  for (const key of ['exec', 'auth-provider', 'username', 'password', 'as', 'as-uid', 'as-groups'])
    if (user[key] !== undefined) fail(`user ${userName}: ${key} is not supported; use a token or a client certificate`)

  const server = file.text(cluster, 'server') ?? fail(`cluster ${clusterName} has no server`)
  const url = URL.canParse(server) ? new URL(server) : fail(`cluster ${clusterName}: server is not a URL`)
  if (url.protocol !== 'https:')
    fail(`cluster ${clusterName}: server must be an https URL, a token must not travel in clear`)
  const token = file.text(user, 'token') ?? (await file.linked(user, 'tokenFile'))?.trim()
  return {
    label: server,
    origin: url.origin,
    prefix: url.pathname.replace(/\/+$/, ''),
    tls: await readTls(file, cluster, user),
    ...(token === undefined || token === '' ? {} : { token }),
    namespace: file.text(chosen, 'namespace') ?? 'default',
  }
}

/** Name of the cluster in the kubeconfigs that servers of Berth write. */
const OWN_CLUSTER = 'berth'

/** Whether the current context of a kubeconfig is a server of Berth, by the name that Berth itself gives it; false when it cannot be read. */
export async function isOwnKubeconfig(path: string, read: ReadText = readUtf8): Promise<boolean> {
  const content = await read(path).catch(() => '')
  try {
    const config = parseConfig(content, (message) => {
      throw new KubeconfigError(message)
    })
    const contexts: readonly unknown[] = Array.isArray(config.contexts) ? config.contexts : []
    const current = contexts.find((one) => isRecord(one) && one.name === config['current-context'])
    return isRecord(current) && isRecord(current.context) && current.context.cluster === OWN_CLUSTER
  } catch {
    return false
  }
}

async function readTls(file: Reader, cluster: Fields, user: Fields): Promise<TlsMaterial> {
  const ca = await file.pem(cluster, 'certificate-authority')
  const cert = await file.pem(user, 'client-certificate')
  const key = await file.pem(user, 'client-key')
  const servername = file.text(cluster, 'tls-server-name')
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
  }
}

function parseConfig(content: string, fail: (message: string, cause?: unknown) => never): Fields {
  let config: unknown
  try {
    config = parse(content)
  } catch (error) {
    return fail(`is not YAML (${reason(error)})`, error)
  }
  return isRecord(config) ? config : fail('is not a mapping')
}

/** Typed looks into one file; every fault goes to `fail`, which names the file. */
class Reader {
  readonly #folder: string
  readonly #read: ReadText
  readonly #fail: (message: string, cause?: unknown) => never

  constructor(folder: string, read: ReadText, fail: (message: string, cause?: unknown) => never) {
    this.#folder = folder
    this.#read = read
    this.#fail = fail
  }

  text(fields: Fields, key: string): string | undefined {
    const value = fields[key]
    if (value === undefined || value === null || value === '') return undefined
    return typeof value === 'string' ? value : this.#fail(`${key} is not a string`)
  }

  named(config: Fields, list: string, name: string, inner: string): Fields {
    const entries: unknown = config[list]
    const entry = Array.isArray(entries) ? entries.find((item) => isRecord(item) && item.name === name) : undefined
    const value: unknown = isRecord(entry) ? entry[inner] : undefined
    return isRecord(value) ? value : this.#fail(`${list} has no "${name}"`)
  }

  /** The content of the file that `key` names; relative to the kubeconfig's folder. */
  async linked(fields: Fields, key: string): Promise<string | undefined> {
    const path = this.text(fields, key)
    if (path === undefined) return undefined
    return await this.#read(resolve(this.#folder, path)).catch((error: unknown) =>
      this.#fail(`${key} ${path} cannot be read (${reason(error)})`, error),
    )
  }

  /** PEM from `KEY-data` (base64) or from the file in `KEY`. */
  async pem(fields: Fields, key: string): Promise<string | undefined> {
    const data = this.text(fields, `${key}-data`)
    if (data === undefined) return await this.linked(fields, key)
    const pem = Buffer.from(data, 'base64').toString('utf8')
    return pem.includes('-----BEGIN') ? pem : this.#fail(`${key}-data is not base64 of a PEM file`)
  }
}

/** Without the path or the content: an error of the YAML parser quotes lines, and these may hold a token. */
function reason(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code
  return 'damaged'
}
