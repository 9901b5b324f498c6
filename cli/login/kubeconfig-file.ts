// The file that `berth login` writes: a kubeconfig, merged with what is there, 0600, in one step.
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parse, stringify } from 'yaml'
import { writeAtomically } from '../../lib/files.ts'

export interface Login {
  /** Name of context, cluster and user in the file. */
  readonly name: string
  readonly server: string
  /** PEM; absent when the system knows the authority. */
  readonly ca?: string
  readonly token: string
  readonly namespace: string
}

type Named = Readonly<Record<string, unknown>> & { readonly name?: unknown }

/** Others in the file stay; the login becomes the current context. @throws Error for a file that is no kubeconfig */
export async function saveLogin(path: string, { name, server, ca, token, namespace }: Login): Promise<void> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw new Error(`${path} cannot be read: ${error.code}`)
  })
  const present = readConfig(text, path)
  const merged = (key: string, entry: Named): readonly Named[] => [
    ...(Array.isArray(present[key]) ? (present[key] as Named[]).filter((one) => one?.name !== name) : []),
    entry,
  ]
  const authority = ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }
  const config = {
    ...present,
    apiVersion: 'v1',
    kind: 'Config',
    clusters: merged('clusters', { name, cluster: { server, ...authority } }),
    users: merged('users', { name, user: { token } }),
    contexts: merged('contexts', { name, context: { cluster: name, user: name, namespace } }),
    'current-context': name,
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeAtomically(path, stringify(config), 0o600)
}

function readConfig(text: string, path: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = parse(text)
  } catch {
    throw new Error(`${path} is not YAML; nothing was written`)
  }
  if (value === null || value === undefined) return {}
  if (typeof value !== 'object' || Array.isArray(value))
    throw new Error(`${path} is no kubeconfig; nothing was written`)
  return value as Readonly<Record<string, unknown>>
}
