// Objects that a host has from a scheduler and that this one does not know: told, never touched.
import type { Resources } from '../../lib/apiserver/resources.ts'
import type { Clock } from '../../lib/clock.ts'
import { getCondition } from '../../lib/conditions.ts'
import type { EventRecorder } from '../../lib/controllers/event-recorder.ts'
import { messageOf } from '../../lib/errors.ts'
import type { ReconcileLog } from '../../lib/reconcile/log.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import type { HostBinding, Node } from '../../schemas/index.ts'
import { NODES } from '../../schemas/resources.ts'
import { SCHEDULER_EVENTS } from '../events.ts'
import { byUid } from '../indexes.ts'
import type { Links } from '../links/links.ts'
import { CLUSTER_NODE_CONDITIONS, type ClusterNodeCondition } from './conditions.ts'

/** Annotation of a HostBinding, for people at the host. */
export const ORPHANED = 'berth/orphaned'
const WORDS = 'the scheduler does not know it; it runs on, and is never deleted'
const SHOWN = 5

export interface OrphansDeps {
  readonly reader: Pick<Reader, 'get' | 'byIndex'>
  readonly resources: Resources
  readonly agents: Pick<Links, 'view' | 'annotate'>
  readonly events: Pick<EventRecorder, 'record'>
  readonly clock: Clock
  readonly log: ReconcileLog
}

export class Orphans {
  readonly #deps: OrphansDeps
  #writing: Promise<void> = Promise.resolve()

  constructor(deps: OrphansDeps) {
    this.#deps = deps
  }

  /** Resolves when it is told, one after the other. @throws what keeps it from being told: whoever found it finds it again later */
  found(node: string, binding: HostBinding): Promise<void> {
    const mine = this.#writing.then(() => this.#tell(node, binding))
    this.#writing = mine.catch(() => undefined)
    return mine
  }

  /** What the host has is known, or has changed: says so where something was said before. Returns at once. */
  look(name: string): void {
    const node = this.#deps.reader.get<Node>(NODES, { namespace: '', name })
    if (getCondition(node?.status?.conditions, 'KnownToScheduler')?.status !== 'False') return
    if (this.#deps.agents.view(name)?.inSync !== true) return
    this.#writing = this.#writing
      .then(() => this.#say(name))
      .catch((error: unknown) =>
        this.#deps.log.warn({ node: name, err: error }, `what a host has could not be told: ${messageOf(error)}`),
      )
  }

  async #tell(name: string, binding: HostBinding): Promise<void> {
    const { reader, agents, events } = this.#deps
    const marked = binding.metadata.annotations?.[ORPHANED] !== undefined
    if (!marked) await agents.annotate(name, binding.metadata.name, { [ORPHANED]: WORDS }, AbortSignal.timeout(10_000))
    const node = reader.get<Node>(NODES, { namespace: '', name })
    if (node === null) return
    if (!marked) events.record(node, SCHEDULER_EVENTS.text('Orphaned', titleOf(binding)))
    await this.#say(name)
  }

  async #say(name: string): Promise<void> {
    const { reader, resources, clock } = this.#deps
    const node = reader.get<Node>(NODES, { namespace: '', name })
    if (node === null) return
    const titles = this.#orphansOf(name)
    const more = titles.length > SHOWN ? ` and ${titles.length - SHOWN} more` : ''
    const message = `this scheduler does not know ${titles.slice(0, SHOWN).join(', ')}${more}`
    const state: ClusterNodeCondition =
      titles.length === 0
        ? { type: 'KnownToScheduler', status: 'True', reason: 'AllKnown', message: '' }
        : { type: 'KnownToScheduler', status: 'False', reason: 'Orphaned', message }
    await resources.modifyStatus<Node>(NODES, { namespace: '', name, uid: node.metadata.uid }, (status) => {
      const conditions = CLUSTER_NODE_CONDITIONS.set(status?.conditions, state, undefined, clock.now())
      return { ...status, conditions: [...conditions] } as Node['status']
    })
  }

  #orphansOf(node: string): readonly string[] {
    const { reader, agents } = this.#deps
    return (agents.view(node)?.bindings() ?? [])
      .filter(({ status }) => status?.phase !== 'Released')
      .filter(({ spec }) => reader.byIndex(byUid(spec.subject.resource), spec.subject.uid).length === 0)
      .map(titleOf)
      .sort()
  }
}

const titleOf = ({ spec }: HostBinding): string => {
  const { resource, namespace = '', name } = spec.subject
  const title = namespace === '' ? name : `${namespace}/${name}`
  return `${resource.split('.')[0]} ${title}`
}
