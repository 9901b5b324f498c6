// The named points of an agent whose host is a member of a cluster: words of the scheduler and what becomes of them, both sides of a move,
// and what is kept in files beside the database.
import { FILE_STEPS, MEMBER_STEPS } from '../../agent/seams.ts'
import type { Change } from '../../lib/store/store.ts'
import type { HandoverAsk, HostBinding } from '../../schemas/index.ts'
import { type Call, callPoint, commitName, commitPoint, filePoint, kindOf, MOVE_CALLS } from './points.ts'
import { byPostCopy, goesByPostCopy, POST_COPY_CALLS, POST_COPY_EVENTS } from './post-copy.ts'

const BINDINGS = 'hostbindings'

/** What the scheduler says of an object, by what is new in it; then what the host says that it has of it. */
const WORDS = [
  'taken-Owner',
  'taken-Target',
  'to-Owner',
  'to-Target',
  'to-Released',
  'go',
  'cancel',
  'moved',
  'doomed',
  'changed',
  'Accepted',
  'Releasing',
  'Released',
  'forgotten',
] as const

/** What is decided of a move, by the side that writes it down; `told`: how far it is, and what was made for it. */
const MOVES = {
  Source: ['Transferring', 'Finishing', 'Committed', 'Cleaned', 'Failed', 'told'],
  Target: ['Preparing', 'Prepared', 'Committed', 'Failed', 'told'],
} as const

/** The same once the guest may run at the target while a part of it is at the source. */
const POST_COPY_MOVES = { Source: ['Finishing', 'Committed', 'Cleaned'], Target: ['Committed'] } as const

/** Objects that come along with a word, and their end with the last one that asks for them. */
const COPIES: Readonly<Record<string, readonly string[]>> = {
  namespaces: ['created'],
  secrets: ['created', 'changed', 'gone'],
  storageclasses: ['created', 'gone'],
  virtualmachineclasses: ['created', 'gone'],
  virtualmachines: ['created', 'status', 'changed', 'doomed', 'gone'],
  virtualdisks: ['created', 'held', 'status', 'let-go', 'doomed', 'gone'],
  virtualimages: ['created', 'held', 'status', 'let-go', 'doomed', 'gone'],
  virtualmachineoperations: ['created', 'status', 'gone'],
}

/** Of libvirt's other calls those in each machine's life. */
const LIFE_CALLS = ['define', 'start', 'shutdown', 'destroy', 'undefine'] satisfies readonly Call[]

const ASKS: readonly HandoverAsk['ask'][] = ['manifest', 'prepare', 'load', 'finish', 'abort']

/** A disk that grows, and an image of another format, are as on a host of its own. */
const FILES = FILE_STEPS.filter((step) => !['disk-grown', 'disk-size-recorded', 'image-converted'].includes(step))

export const peerPoint = (ask: HandoverAsk['ask'], when: 'asked' | 'answered' | 'admitted'): string =>
  `peer/${ask}/${when}`
const moveName = (side: 'Source' | 'Target', what: string): string => `move/${side}/${what}`

/** All of them. */
export const MEMBER_POINTS: readonly string[] = [
  ...WORDS.map((deed) => commitName(BINDINGS, deed)),
  ...(['Source', 'Target'] as const).flatMap((side) => MOVES[side].map((what) => moveName(side, what))),
  ...Object.entries(COPIES).flatMap(([kind, deeds]) => deeds.map((deed) => commitName(kind, deed))),
  ...[...LIFE_CALLS, ...Object.values(MOVE_CALLS)].flatMap((what) => [
    callPoint(what, 'sent'),
    callPoint(what, 'done'),
  ]),
  ...ASKS.flatMap((ask) => (['asked', 'answered', 'admitted'] as const).map((when) => peerPoint(ask, when))),
  ...(['Source', 'Target'] as const).flatMap((side) =>
    POST_COPY_MOVES[side].map((what) => byPostCopy(moveName(side, what))),
  ),
  ...POST_COPY_CALLS.flatMap((name) =>
    (['sent', 'done'] as const)
      .map((when) => byPostCopy(callPoint(MOVE_CALLS[name], when)))
      .filter((point) => point !== byPostCopy(callPoint('migrate-perform', 'sent'))),
  ),
  ...(['asked', 'answered', 'admitted'] as const).map((when) => byPostCopy(peerPoint('finish', when))),
  ...POST_COPY_EVENTS,
  ...[...FILES, ...MEMBER_STEPS].map(filePoint),
]

/** The point after a commit to an agent's store. */
export function memberPoint(change: Change): string {
  if (kindOf(change) !== BINDINGS) return commitPoint(change)
  if (change.type === 'delete') return commitName(BINDINGS, 'forgotten')
  return bindingPoint(change.entry.value as HostBinding, change.previous as HostBinding | null)
}

function bindingPoint(after: HostBinding, before: HostBinding | null): string {
  if (before === null) return commitName(BINDINGS, `taken-${after.spec.role}`)
  if (before.metadata.generation !== after.metadata.generation)
    return commitName(BINDINGS, wordOf(after.spec, before.spec))
  const [was, is] = [before.status, after.status]
  const side = after.spec.migration?.side
  if (side !== undefined && JSON.stringify(was?.migration) !== JSON.stringify(is?.migration)) {
    const what = was?.migration?.phase === is?.migration?.phase ? 'told' : (is?.migration?.phase ?? 'gone')
    return (goesByPostCopy(after) ? postCopyMove(side, what) : null) ?? moveName(side, what)
  }
  return commitName(BINDINGS, was?.phase === is?.phase ? 'status' : (is?.phase ?? 'status'))
}

/** Null: the guest is at the source yet. */
function postCopyMove(side: 'Source' | 'Target', phase: string): string | null {
  const names: readonly string[] = POST_COPY_MOVES[side]
  return names.includes(phase) ? byPostCopy(moveName(side, phase)) : null
}

function wordOf(is: HostBinding['spec'], was: HostBinding['spec']): string {
  if (is.role !== was.role) return `to-${is.role}`
  if (is.deleted === true && was.deleted !== true) return 'doomed'
  if (is.migration?.cancel === true && was.migration?.cancel !== true) return 'cancel'
  if (is.migration?.go === true && was.migration?.id !== is.migration.id) return 'go'
  return is.migration === undefined && was.migration !== undefined ? 'moved' : 'changed'
}
