// `berth migrate vm NAME`: an operation Migrate. `berth migrate resolve vm NAME`: decides one whose outcome is unknown.
import type { KubeObject } from '../../lib/object.ts'
import { HOST_LABEL } from '../../schemas/core/node-columns.ts'
import { print } from '../io.ts'
import type { Session } from '../session.ts'
import { type OperateOptions, operate } from './operate.ts'

export interface MigrateOptions extends OperateOptions {
  readonly to?: string
  readonly postCopy?: boolean
  readonly bandwidth?: string
}

const GROUP = 'virtualization.deckhouse.io'

export async function migrate(session: Session, options: MigrateOptions, _kind: string, name: string): Promise<void> {
  const { to, postCopy, bandwidth } = options
  const annotations = {
    ...(postCopy === true ? { 'berth/migration-post-copy': 'true' } : {}),
    ...(bandwidth === undefined ? {} : { 'berth/migration-bandwidth': bandwidth }),
  }
  const spec = to === undefined ? {} : { migrate: { nodeSelector: { [HOST_LABEL]: to } } }
  if (to !== undefined) await mustExist(session, to)
  await operate('Migrate', { spec, annotations })(session, options, name)
}

/** A name that nobody has would be waited for in vain. */
async function mustExist({ client, io }: Session, node: string): Promise<void> {
  const catalog = await client.catalog(io.signal)
  await client.objects.get(catalog.resolve('nodes'), { namespace: '', name: node }, { signal: io.signal })
}

interface Machine extends KubeObject {
  readonly status?: { readonly berth?: { readonly migration?: Migration } }
}

interface Migration {
  readonly operation: string
  readonly from: string
  readonly to: string
  readonly phase: string
  readonly options?: { readonly postCopy?: boolean }
}

export async function resolve(
  { client, io, namespace }: Session,
  { keep }: { readonly keep: 'source' | 'target' | 'disk' },
  _kind: string,
  name: string,
): Promise<void> {
  const catalog = await client.catalog(io.signal)
  const call = { signal: io.signal }
  const vm = await client.objects.get<Machine>(catalog.resolve(`virtualmachines.${GROUP}`), { namespace, name }, call)
  const migration = vm.status?.berth?.migration
  // One that has begun to run at the target may wait there for what a post-copy has not sent.
  const waits = migration?.phase === 'Committed' && migration.options?.postCopy === true && keep === 'target'
  if (migration === undefined || (migration.phase !== 'Transferring' && !waits))
    throw new Error(
      `${name} has no move whose outcome is unknown${migration === undefined ? '' : `: the last one is ${migration.phase}`}`,
    )
  const { operation, from, to } = migration
  const patch = { metadata: { annotations: { 'berth/migration-resolution': keep } } }
  await client.objects.mergePatch(
    catalog.resolve(`virtualmachineoperations.${GROUP}`),
    { namespace, name: operation },
    patch,
    call,
  )
  print(
    io,
    keep === 'disk'
      ? `${name}: its copy on ${to} is given up, and it starts anew on ${from}, unless ${from} knows that it never left`
      : `${name}: its copy on ${keep === 'source' ? from : to} goes on, the one on ${keep === 'source' ? to : from} is given up`,
  )
}
