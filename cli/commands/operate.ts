// `berth start|stop|restart`, `berth migrate`: makes a VirtualMachineOperation and tells what became of it.

import { printedName, type ResourceInfo } from '../../lib/client/paths.ts'
import type { Condition, KubeObject } from '../../lib/object.ts'
import { oneLine } from '../format/text.ts'
import { type Io, note, print } from '../io.ts'
import type { Session } from '../session.ts'
import { waitFor } from '../wait.ts'

export interface OperateOptions {
  readonly force?: boolean
  readonly wait?: boolean
  /** Milliseconds. */
  readonly timeout: number
}

interface Operation extends KubeObject {
  readonly status?: { readonly phase?: string; readonly conditions?: readonly Condition[] }
}

type Type = 'Start' | 'Stop' | 'Restart' | 'Migrate'

/** What an operation has beyond its type and `force`. */
export interface OperationExtras {
  readonly spec?: object
  readonly annotations?: Readonly<Record<string, string>>
}

const GROUP = 'virtualization.deckhouse.io'
const KIND = `virtualmachineoperations.${GROUP}`
const ENDS = ['Completed', 'Failed', 'Superseded']
/** What holds an operation up is said when it has done so for about this long: most are over before. */
const SAY_AFTER_MS = 2_000

/** Without `--wait` it returns as soon as the operation has begun, or was refused. */
export const operate =
  (type: Type, { spec, annotations }: OperationExtras = {}) =>
  async (session: Session, options: OperateOptions, vm: string): Promise<void> => {
    const { client, io, namespace } = session
    const catalog = await client.catalog(io.signal)
    // A missing machine is told at once; an operation for it would wait for the machine to appear.
    await client.objects.get(
      catalog.resolve(`virtualmachines.${GROUP}`),
      { namespace, name: vm },
      { signal: io.signal },
    )
    const resource = catalog.resolve(KIND)
    const plain = draft(resource, type, vm, namespace, options)
    const asked = {
      ...plain,
      metadata: { ...plain.metadata, ...(annotations === undefined ? {} : { annotations }) },
      spec: { ...plain.spec, ...spec },
    }
    const made = await client.objects.create<Operation>(resource, asked, { signal: io.signal })
    const name = printedName(resource, made.metadata.name)
    print(io, `${name} created`)

    let last = made
    const saying = sayWhy(io, () => last)
    const isOver = (phase: string) => ENDS.includes(phase) || (!options.wait && phase === 'InProgress')
    const ended = await waitFor<Operation>(client, {
      resource,
      target: { namespace, name: made.metadata.name, uid: made.metadata.uid },
      timeoutMs: options.timeout,
      signal: io.signal,
      done: (object) => {
        if (object !== null) last = object
        return object === null || isOver(phaseOf(object))
      },
    }).finally(saying.end)
    const phase = phaseOf(last)
    if (!ended) throw new Error(`${name} is ${phase} after ${options.timeout / 1000} s and goes on${why(last)}`)
    if (phase === 'Failed' || phase === 'Superseded') throw new Error(`${type} of ${vm}: ${phase}${why(last)}`)
    // One that has begun may look for a target in vain.
    print(io, `${type} of ${vm}: ${phase}${phase === 'InProgress' ? why(last) : ''}`)
  }

/** Says on the standard error what an operation waits for, and again when that has changed. */
function sayWhy(io: Io, now: () => Operation): { end(): void } {
  let seen = ''
  let said = ''
  const timer = setInterval(() => {
    const words = why(now())
    if (words === seen && words !== said) {
      said = words
      if (words !== '') note(io, `${phaseOf(now())}${words}`)
    }
    seen = words
  }, SAY_AFTER_MS)
  return { end: () => clearInterval(timer) }
}

function draft(resource: ResourceInfo, type: Type, vm: string, namespace: string, { force }: OperateOptions) {
  return {
    apiVersion: `${resource.group}/${resource.version}`,
    kind: resource.kind,
    // Generated names append 5 characters, and a name has 63 at most.
    metadata: { generateName: `${vm.slice(0, 48)}-${type.toLowerCase()}-`, namespace },
    spec: { type, virtualMachineName: vm, ...(force === undefined ? {} : { force }) },
  }
}

const phaseOf = (operation: Operation): string => operation.status?.phase ?? 'Pending'

/** The words of the condition that holds it up or made it fail. */
function why(operation: Operation): string {
  const conditions = operation.status?.conditions ?? []
  const open = conditions.filter(({ status }) => status !== 'True')
  const said = open.find(({ type }) => type === 'Completed') ?? open[0]
  if (said === undefined) return ''
  return `: ${oneLine(said.message || said.reason)}${said.message ? ` (${oneLine(said.reason)})` : ''}`
}
