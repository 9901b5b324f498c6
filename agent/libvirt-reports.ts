// What libvirt's health means to the outside: the Node's conditions, one event when a trouble begins and one when it is over, and
// machines whose state is no longer certain. Lives as long as the agent, with or without a session.
import type { Resources } from '../lib/apiserver/resources.ts'
import type { Clock } from '../lib/clock.ts'
import type { EventRecorder } from '../lib/controllers/event-recorder.ts'
import { messageOf } from '../lib/errors.ts'
import type { LibvirtPool } from '../lib/libvirt/index.ts'
import type { Collector, Metrics } from '../lib/metrics/metrics.ts'
import type { Reader } from '../lib/reconcile/reader.ts'
import type { Node } from '../schemas/index.ts'
import { markNodeBlind } from './controllers/node/blind.ts'
import { markAllUnknown } from './controllers/virtualmachine/unknown.ts'
import { AGENT_EVENTS } from './events.ts'
import { LibvirtHealth, type LibvirtTrouble } from './libvirt-health.ts'
import type { Log } from './log.ts'
import { LIBVIRT_ANSWER, LIBVIRT_TROUBLE } from './metrics/catalogue.ts'
import { NODES } from './names.ts'

export interface LibvirtReportsDeps {
  readonly config: { readonly nodeName: string }
  readonly log: Log
  readonly clock: Clock
  readonly reader: Reader
  readonly resources: Resources
  readonly events: Pick<EventRecorder, 'record'>
  readonly libvirt: Pick<LibvirtPool, 'call' | 'problem'>
  readonly metrics: Pick<Metrics, 'collect'>
  /** What looks after the machines; null before libvirt has answered for the first time. */
  readonly session: () => { libvirtChanged(over: boolean): void } | null
}

const REASONS = ['LibvirtAway', 'LibvirtHangs', 'LibvirtRefuses', 'LibvirtSlow'] as const

export class LibvirtReports {
  readonly #deps: LibvirtReportsDeps
  readonly #health: LibvirtHealth
  #forget: () => void = () => undefined

  constructor(deps: LibvirtReportsDeps) {
    this.#deps = deps
    this.#health = new LibvirtHealth({
      libvirt: deps.libvirt,
      clock: deps.clock,
      onChange: (trouble, lastedMs) => this.#changed(trouble, lastedMs),
      onBlind: (trouble) => this.#blind(trouble),
    })
  }

  start(): void {
    this.#health.start()
    this.#forget = this.#deps.metrics.collect(this.#collector())
  }

  stop(): Promise<void> {
    this.#forget()
    return this.#health.stop()
  }

  trouble(): LibvirtTrouble | null {
    return this.#health.trouble()
  }

  #collector(): Collector {
    return {
      name: 'libvirt health',
      collect: (sink) => {
        const now = this.#health.trouble()?.reason
        for (const reason of REASONS) sink.add(LIBVIRT_TROUBLE, { reason }, Number(reason === now))
        const { answerMs } = this.#health
        if (answerMs !== null) sink.add(LIBVIRT_ANSWER, {}, answerMs / 1000)
      },
    }
  }

  #changed(trouble: LibvirtTrouble | null, lastedMs: number): void {
    const { log, session } = this.#deps
    if (trouble === null) {
      const message = `libvirt answers again after ${Math.round(lastedMs / 1000)} s`
      log.info({ lastedMs: Math.round(lastedMs) }, message)
      this.#tell('LibvirtBack', message)
    } else {
      log.warn({ reason: trouble.reason }, trouble.message)
      this.#tell(trouble.reason, trouble.message)
    }
    const looked = session()
    if (looked !== null) looked.libvirtChanged(trouble === null)
    else if (trouble !== null) this.#write('the Node', this.#nodeBlind(trouble))
  }

  #blind(trouble: LibvirtTrouble): void {
    const { reader, resources, clock } = this.#deps
    const { reason, message } = trouble
    if (reason === 'LibvirtSlow') return
    const holds = () => {
      const now = this.#health.trouble()
      return now !== null && now.reason !== 'LibvirtSlow'
    }
    this.#write('virtual machines', markAllUnknown(reader, { reason, message }, { resources, now: clock.now(), holds }))
  }

  #nodeBlind(trouble: LibvirtTrouble): Promise<void> {
    const { reader, resources, clock, config } = this.#deps
    return markNodeBlind({ reader, resources, nodeName: config.nodeName }, trouble, clock.now())
  }

  #tell(reason: keyof typeof AGENT_EVENTS.table, message: string): void {
    const { reader, events, config } = this.#deps
    const node = reader.get<Node>(NODES, { namespace: '', name: config.nodeName })
    if (node !== null) events.record(node, AGENT_EVENTS.text(reason, message))
  }

  #write(what: string, written: Promise<void>): void {
    written.catch((error: unknown) =>
      this.#deps.log.warn(
        { err: error },
        `the trouble could not be written into the status of ${what}: ${messageOf(error)}`,
      ),
    )
  }
}
