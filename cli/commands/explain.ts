// `berth explain vm NAME`: every host, accepted with its score or refused with all reasons. `berth place -f FILE`: where new machines would
// go. Nothing is created.

import { ApiError, isApiError } from '../../lib/errors.ts'
import type { PlacementExplanation } from '../../schemas/cluster/placementexplanation.ts'
import type { VirtualMachine } from '../../schemas/index.ts'
import { forEachManifest } from '../each.ts'
import { align } from '../format/columns.ts'
import { print } from '../io.ts'
import { readManifests } from '../manifests.ts'
import { parseAsks } from '../names.ts'
import type { Session } from '../session.ts'
import { UsageError } from '../usage.ts'

export interface ExplainOptions {
  readonly whatIf?: readonly string[]
  readonly output?: 'json'
}

type Ask = Pick<PlacementExplanation, 'name' | 'machine' | 'whatIf'>

export async function explain(
  session: Session,
  options: ExplainOptions,
  kind: string,
  names: readonly string[],
): Promise<void> {
  const catalog = await session.client.catalog(session.io.signal)
  const asks = parseAsks([kind, ...names], catalog)
  for (const ask of asks) {
    if (ask.resource.kind !== 'VirtualMachine' || ask.names.length === 0)
      throw new UsageError('name a virtual machine: berth explain vm NAME')
    for (const name of ask.names) await show(session, options, session.namespace, { name })
  }
}

export async function place(
  session: Session,
  options: ExplainOptions & { readonly filename: readonly string[] },
): Promise<void> {
  const manifests = await readManifests(options.filename, session.io)
  await forEachManifest(session, manifests, async ({ resource, object, namespace }) => {
    if (resource.kind !== 'VirtualMachine') return
    const metadata = namespace === undefined ? object.metadata : { ...object.metadata, namespace }
    const call = { dryRun: true, fieldManager: 'berth-place', signal: session.io.signal }
    const at = namespace ?? session.namespace
    try {
      const machine = await session.client.objects.create<VirtualMachine>(resource, { ...object, metadata }, call)
      await show(session, options, at, { machine })
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error
      await show(session, options, at, { name: object.metadata.name ?? '' })
    }
  })
}

/** `h2 down`, `h3 cordon`. @throws UsageError */
export function parseWhatIf(words: readonly string[]): NonNullable<Ask['whatIf']> {
  const down: string[] = []
  const cordon: string[] = []
  for (const text of words.flatMap((each) => each.split(','))) {
    const [node, what, ...more] = text.trim().split(/\s+/)
    const list = what === 'down' ? down : what === 'cordon' || what === 'cordoned' ? cordon : null
    if (node === undefined || list === null || more.length > 0)
      throw new UsageError(`--what-if "${text}": say "NODE down" or "NODE cordon"`)
    list.push(node)
  }
  return { ...(down.length === 0 ? {} : { down }), ...(cordon.length === 0 ? {} : { cordon }) }
}

async function show(
  { client, io, paint }: Session,
  { whatIf = [], output }: ExplainOptions,
  namespace: string,
  ask: Ask,
): Promise<void> {
  const body = {
    apiVersion: 'cluster.berth/v1',
    kind: 'PlacementExplanation',
    ...ask,
    ...(whatIf.length === 0 ? {} : { whatIf: parseWhatIf(whatIf) }),
  }
  const path = `/apis/cluster.berth/v1/namespaces/${encodeURIComponent(namespace)}/placementexplanations`
  const answer = await client.transport
    .json({ method: 'POST', path, body, signal: io.signal })
    .catch((error: unknown) => {
      // A missing kind and a missing machine are both not found; only the second names what it did not find.
      if (isApiError(error, 'NotFound') && error.details.name === undefined)
        throw new ApiError('NotFound', 'this server places no machines: ask a scheduler', {}, { cause: error })
      throw error
    })
  if (output === 'json') {
    print(io, JSON.stringify(answer, null, 2))
    return
  }
  const { hosts = [], message = '', current = '' } = answer as PlacementExplanation
  const title = ask.name ?? ask.machine?.metadata.name ?? ''
  print(io, `${paint('bold', title)}: ${message}${current === '' ? '' : `; it is on ${current}`}`)
  const rows = hosts.map(({ node, verdict, score, parts = {}, reasons = [] }) => [
    node,
    verdict.toLowerCase(),
    score === undefined ? '' : String(score),
    verdict === 'Accepted'
      ? Object.entries(parts)
          .map(([name, value]) => `${name} ${value}`)
          .join(', ')
      : reasons.join('; '),
  ])
  for (const line of align([['NODE', 'VERDICT', 'SCORE', 'WHY'], ...rows])) print(io, `  ${line}`)
}
