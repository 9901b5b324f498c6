// A host's part in live migrations, put together.
import type { Resources } from '../../lib/apiserver/resources.ts'
import type { Clock } from '../../lib/clock.ts'
import { ApiError } from '../../lib/errors.ts'
import type { LibvirtPool } from '../../lib/libvirt/index.ts'
import { toKey } from '../../lib/object.ts'
import { Controller } from '../../lib/reconcile/controller.ts'
import type { ControllerMetrics } from '../../lib/reconcile/metrics.ts'
import type { Reader } from '../../lib/reconcile/reader.ts'
import { itself, on } from '../../lib/reconcile/sources.ts'
import type { HostBinding } from '../../schemas/index.ts'
import { domainRef } from '../controllers/virtualmachine/observe.ts'
import type { Seeds } from '../controllers/virtualmachine/seed.ts'
import type { Log } from '../log.ts'
import { HOST_BINDINGS } from '../names.ts'
import type { Storage } from '../storage/index.ts'
import { type MigrationLimits, MigrationReconciler } from './controller.ts'
import { targetFiles } from './files.ts'
import type { HandoverSide } from './handover.ts'
import { luggageOf, manifestOf } from './manifest.ts'
import type { Peers } from './peers.ts'
import { type MoveBinding, Records } from './records.ts'
import { SourceMoves } from './source.ts'
import { TargetMoves } from './target.ts'

/** Machines that are looked at side by side. */
const CONCURRENCY = 4
const MANIFEST_MS = 15_000

export interface MigrationOptions extends MigrationLimits {
  readonly bandwidthMiBps: number
  /** QEMU's TLS. */
  readonly tls: boolean
}

export interface MigrationSideDeps {
  readonly reader: Reader
  readonly resources: Resources
  readonly libvirt: Pick<LibvirtPool, 'call' | 'dedicated' | 'warm' | 'events'>
  readonly clock: Clock
  readonly log: Log
  readonly observer?: ControllerMetrics
  readonly storage: Pick<Storage, 'driver' | 'content' | 'peers' | 'stateDir'>
  readonly seeds: Pick<Seeds, 'ensure' | 'remove'>
  readonly peers: Peers
  /** Numeric address of this host that other hosts reach. @throws Error in words */
  readonly address: () => string
  readonly options: MigrationOptions
}

export interface MigrationSide {
  readonly controller: Controller
  readonly handover: HandoverSide
  /** Ends what is under way; the next agent finds out how it stands. */
  stop(): Promise<void>
}

export function createMigrationSide(deps: MigrationSideDeps): MigrationSide {
  const { reader, resources, libvirt, clock, log, observer, storage, seeds, peers, address, options } = deps
  const { driver, content, stateDir } = storage
  const stopping = new AbortController()
  const { signal } = stopping
  const records = new Records({ reader, resources, clock })
  const source = new SourceMoves({
    libvirt,
    records,
    peers,
    clock,
    log,
    tls: options.tls,
    bandwidthMiBps: options.bandwidthMiBps,
    luggage: luggageOf({ libvirt, reader }),
  })
  const manifest = async ({ metadata: { name: uid }, spec: { migration } }: MoveBinding, until: AbortSignal) => {
    const ask = { uid, id: migration.id, ask: 'manifest' } as const
    const answer = await peers.ask(migration.peer, ask, { signal: until, timeoutMs: MANIFEST_MS })
    if (answer.manifest === undefined)
      throw new Error(`${migration.peer.node} does not say what the machine is made of`)
    return answer.manifest
  }
  const files = targetFiles({ reader, driver, content, peers: storage.peers, seeds, manifest, stateDir })
  const target = new TargetMoves({ libvirt, records, files, clock, log, tls: options.tls, address })
  const wake = (uid: string) => controller.enqueue(toKey({ namespace: '', name: uid }))
  const controller: Controller = new Controller({
    name: 'migration',
    reconciler: new MigrationReconciler({
      libvirt,
      records,
      source,
      target,
      limits: options,
      clock,
      log,
      wake,
      stopping: signal,
    }),
    clock,
    log,
    ...(observer === undefined ? {} : { observer }),
    concurrency: CONCURRENCY,
    keys: () => records.keys().map((name) => toKey({ namespace: '', name })),
  })
  const unwatch = on(reader, HOST_BINDINGS, itself, controller)
  return {
    controller,
    handover: {
      binding: (uid) => records.get(uid),
      manifest: async (uid) => {
        const subject = reader.get<HostBinding>(HOST_BINDINGS, { namespace: '', name: uid })?.spec.subject
        if (subject === undefined) throw new ApiError('NotFound', `the machine ${uid} is not bound to this host`)
        const dom = domainRef(`${subject.namespace}.${subject.name}`, uid)
        // It is asked for before the machine goes: the transfer needs a connection then.
        libvirt.warm()
        return await manifestOf({ libvirt, driver, content }, dom, signal)
      },
      answer: (uid, ask) => target.answer(uid, ask, signal),
    },
    stop: async () => {
      unwatch()
      stopping.abort(new Error('the agent is stopping'))
      await controller.stop()
      await target.close()
      await source.settled()
    },
  }
}
