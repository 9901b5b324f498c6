// `berth __complete WORD…`, which the shells' scripts call: prints what the last word may become, a line each. Quick, and never a word
// about what goes wrong: the user is in the middle of a line.
import type { Client } from '../../lib/client/client.ts'
import { pathOf } from '../../lib/client/paths.ts'
import { type Io, print } from '../io.ts'
import { buildProgram } from '../program.ts'
import { withSession } from '../session.ts'
import { type Situation, situationOf } from './situation.ts'

/** Milliseconds after which a line goes on without help. */
const DEADLINE_MS = 1_500
/** Names that are asked for at most; nobody picks from more. */
const MAX_NAMES = 500
const METADATA = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
/** All that a kind or a name can be; anything else a server may say does not get into a command line. */
const PLAIN = /^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/

/** @param words after `__complete`; the last one is being written */
export async function complete(words: readonly string[], io: Io): Promise<void> {
  const situation = situationOf(buildProgram(io), words)
  const current = words.at(-1) ?? ''
  const found = situation.wants === 'words' ? situation.words : await asked(situation, current, io)
  const fitting = found.filter((word) => word.startsWith(current === '=' ? '' : current))
  if (fitting.length > 0) print(io, fitting.join('\n'))
}

async function asked(situation: Situation, current: string, io: Io): Promise<readonly string[]> {
  if (situation.wants === 'nothing' || situation.wants === 'words') return []
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(DEADLINE_MS)])
  try {
    const found = await withSession(situation.given, io, ({ client, namespace }) =>
      situation.wants === 'kinds'
        ? kinds(client, namespace, current, signal)
        : names(client, namespace, situation.kind, signal),
    )
    const taken = situation.wants === 'names' ? situation.taken : []
    return found.filter((word) => PLAIN.test(word) && !taken.includes(word))
  } catch {
    return []
  }
}

async function kinds(
  client: Client,
  namespace: string,
  current: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const [kind = '', name] = current.split('/')
  if (name !== undefined) return (await names(client, namespace, kind, signal)).map((one) => `${kind}/${one}`)
  const all = (await client.catalog(signal)).preferred().filter(({ verbs }) => verbs.includes('list'))
  return all.flatMap(({ plural, singular, shortNames }) => [plural, singular, ...shortNames])
}

async function names(client: Client, namespace: string, kind: string, signal: AbortSignal): Promise<readonly string[]> {
  const resource = (await client.catalog(signal)).resolve(kind)
  const path = pathOf(resource, resource.namespaced ? { namespace } : {})
  const query = { limit: String(MAX_NAMES) }
  const list = await client.transport.json({ path, query, accept: METADATA, signal, timeoutMs: DEADLINE_MS })
  const { items } = list as { readonly items: readonly { readonly metadata: { readonly name: string } }[] }
  return items.map(({ metadata }) => metadata.name)
}
