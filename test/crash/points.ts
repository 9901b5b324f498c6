// The named points at which an agent of tests can be killed: after each kind of commit, while each libvirt call that changes something
// is under way and after it, and after each step on files. What comes before a step is what comes after the one before it. Those of a
// cluster are in member-points.ts and scheduler-points.ts.
import { FILE_STEPS } from '../../agent/seams.ts'
import type { ArgsOf, CallName } from '../../lib/libvirt/protocol.ts'
import type { KubeObject } from '../../lib/object.ts'
import { keyOf } from '../../lib/store/change.ts'
import type { Change } from '../../lib/store/store.ts'
import { byPostCopy, callsPostCopy } from './post-copy.ts'

/** libvirt's calls that change something, by what they do. All others only look. */
export const CALLS = {
  DomainDefineXMLFlags: 'define',
  DomainCreateWithFlags: 'start',
  DomainShutdownFlags: 'shutdown',
  DomainDestroyFlags: 'destroy',
  DomainUndefineFlags: 'undefine',
  DomainSetLifecycleAction: 'set-on-reboot',
  DomainAttachDeviceFlags: 'attach',
  DomainDetachDeviceAlias: 'detach',
  DomainSetMetadata: 'set-metadata',
  DomainBlockResize: 'resize-live',
  NetworkDefineXML: 'define-network',
  NetworkCreate: 'start-network',
} as const satisfies Partial<Record<CallName, string>>

export type Call = (typeof CALLS)[keyof typeof CALLS]

/** Those of a move. */
export const MOVE_CALLS = {
  DomainMigrateBegin3Params: 'migrate-begin',
  DomainMigratePrepare3Params: 'migrate-prepare',
  DomainMigratePerform3Params: 'migrate-perform',
  DomainMigrateFinish3Params: 'migrate-finish',
  DomainMigrateConfirm3Params: 'migrate-confirm',
  DomainMigrateStartPostCopy: 'migrate-start-post-copy',
  DomainResume: 'resume',
  DomainAbortJob: 'abort-job',
} as const satisfies Partial<Record<CallName, string>>

/** What a commit did to an object. `held` and `let-go`: a finalizer came or went. `doomed`: its deletion was asked for. */
export type Deed = 'created' | 'changed' | 'status' | 'held' | 'let-go' | 'doomed' | 'gone'

/** The commits that an agent's work consists of. An operation goes at once, an event and a Secret have no status. */
const COMMITS: Readonly<Record<string, readonly Deed[]>> = {
  namespaces: ['created', 'status', 'doomed', 'gone'],
  secrets: ['created', 'gone'],
  events: ['created', 'changed', 'gone'],
  virtualmachines: ['created', 'held', 'status', 'changed', 'doomed', 'gone'],
  virtualdisks: ['created', 'held', 'status', 'changed', 'let-go', 'doomed', 'gone'],
  virtualimages: ['created', 'held', 'status', 'let-go', 'doomed', 'gone'],
  clustervirtualimages: ['created', 'held', 'status', 'let-go', 'doomed', 'gone'],
  virtualmachineoperations: ['created', 'status', 'gone'],
}

export const callPoint = (what: string, when: 'sent' | 'done'): string => `libvirt/${what}/${when}`
export const commitName = (kind: string, deed: string): string => `store/${kind}/${deed}`
export const filePoint = (step: string): string => `files/${step}`

/** All of them. */
export const CRASH_POINTS: readonly string[] = [
  ...Object.entries(COMMITS).flatMap(([kind, deeds]) => deeds.map((deed) => commitName(kind, deed))),
  ...Object.values(CALLS).flatMap((what) => [callPoint(what, 'sent'), callPoint(what, 'done')]),
  ...FILE_STEPS.map(filePoint),
]

const WHAT: Readonly<Partial<Record<CallName, string>>> = { ...CALLS, ...MOVE_CALLS }

/** The points of one libvirt call; null for one that only looks. */
export function callPoints<N extends CallName>(
  name: N,
  args: ArgsOf<N>,
): { readonly sent: string; readonly done: string } | null {
  const what = WHAT[name]
  if (what === undefined) return null
  const [sent, done] = [callPoint(what, 'sent'), callPoint(what, 'done')]
  if (!callsPostCopy(name, args)) return { sent, done }
  // All of the guest is at the source when libvirt begins to send.
  return { sent: name === 'DomainMigratePerform3Params' ? sent : byPostCopy(sent), done: byPostCopy(done) }
}

/** The point after a commit. Kinds that no list names have points too, which nobody waits for. */
export function commitPoint(change: Change): string {
  return commitName(kindOf(change), deedOf(change))
}

/** As in `kubectl get`: `virtualmachines`. */
export const kindOf = (change: Change): string => keyOf(change).resource.split('.')[0] ?? ''

function deedOf(change: Change): Deed {
  if (change.type === 'delete') return 'gone'
  const { previous, entry } = change
  if (previous === null) return 'created'
  const [before, after] = [previous.metadata, entry.value.metadata]
  if (before.deletionTimestamp !== after.deletionTimestamp) return 'doomed'
  const held = (metadata: KubeObject['metadata']) => metadata.finalizers?.length ?? 0
  if (held(after) !== held(before)) return held(after) > held(before) ? 'held' : 'let-go'
  if (before.generation !== after.generation) return 'changed'
  return entry.value.status === undefined ? 'changed' : 'status'
}
