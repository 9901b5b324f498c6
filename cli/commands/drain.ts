// `berth drain`, `berth cordon`, `berth uncordon`: a host is taken out of service, and back.
import { ApiError, isApiError } from '../../lib/errors.ts'
import type { Condition, KubeObject } from '../../lib/object.ts'
import type { DrainPreviewAnswer } from '../../schemas/cluster/drainpreview.ts'
import { align } from '../format/columns.ts'
import { oneLine } from '../format/text.ts'
import { print } from '../io.ts'
import type { Session } from '../session.ts'
import { Failed } from '../usage.ts'
import { waitFor } from '../wait.ts'

export interface DrainOptions {
  readonly dryRun?: boolean
  readonly wait?: boolean
  /** Milliseconds. */
  readonly timeout: number
}

interface Host extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] }
}

const DRAIN = 'berth/drain'

export async function drain(session: Session, options: DrainOptions, node: string): Promise<void> {
  const { io } = session
  if (options.dryRun === true) return await preview(session, node)
  const made = await change(session, node, { annotations: { [DRAIN]: 'requested' }, unschedulable: true })
  print(io, `node/${node} cordoned and being drained`)
  if (options.wait !== true) return
  let last = ''
  const done = await waitFor<Host>(session.client, {
    resource: (await session.client.catalog(io.signal)).resolve('nodes'),
    target: { namespace: '', name: node, uid: made.metadata.uid },
    timeoutMs: options.timeout,
    signal: io.signal,
    done: (host) => {
      const said = host?.status?.conditions?.find(({ type }) => type === 'Draining')
      const words = said === undefined ? '' : oneLine(said.message || said.reason)
      if (words !== '' && words !== last) print(io, words)
      last = words === '' ? last : words
      return host === null || said?.reason === 'Drained'
    },
  })
  if (!done) throw new Error(`node/${node} is not drained after ${options.timeout / 1000} s, and goes on: ${last}`)
}

export async function cordon(session: Session, _options: object, node: string): Promise<void> {
  await change(session, node, { unschedulable: true })
  print(session.io, `node/${node} cordoned`)
}

export async function uncordon(session: Session, _options: object, node: string): Promise<void> {
  await change(session, node, { annotations: { [DRAIN]: null }, unschedulable: null })
  print(session.io, `node/${node} uncordoned`)
}

async function change(
  { client, io }: Session,
  name: string,
  { annotations, unschedulable }: { readonly annotations?: object; readonly unschedulable: true | null },
): Promise<KubeObject> {
  const resource = (await client.catalog(io.signal)).resolve('nodes')
  const patch = { ...(annotations === undefined ? {} : { metadata: { annotations } }), spec: { unschedulable } }
  return await client.objects.mergePatch(resource, { namespace: '', name }, patch, { signal: io.signal })
}

/** Exit code 1 when a machine cannot go. */
async function preview({ client, io }: Session, node: string): Promise<void> {
  const body = { apiVersion: 'cluster.berth/v1', kind: 'DrainPreview', node }
  const answer = (await client.transport
    .json({ method: 'POST', path: '/apis/cluster.berth/v1/drainpreviews', body, signal: io.signal })
    .catch(schedulersOnly)) as DrainPreviewAnswer
  const rows = answer.machines.map(({ namespace, name, target, message = '', help }) => [
    `${namespace}/${name}`,
    target ?? 'cannot go',
    oneLine(help === undefined ? message : `${message} (${help})`),
  ])
  for (const line of align([['MACHINE', 'TO', 'WHY'], ...rows])) print(io, line)
  for (const { namespace, name } of answer.stopped)
    print(io, `${namespace}/${name} is stopped and keeps its disks here`)
  if (answer.machines.some(({ target }) => target === undefined)) throw new Failed()
}

/** An agent does not have the question. */
export function schedulersOnly(error: unknown): never {
  if (isApiError(error, 'NotFound') && error.details.name === undefined)
    throw new ApiError('NotFound', 'this server has no other hosts: ask a scheduler', {}, { cause: error })
  throw error
}
