// A host of a lab with the agent's part in migrations in this process: real libvirt and QEMU, real store and storage on the host's folder,
// and nothing else of an agent. Its end is a killed agent's: connections are cut, and the next life finds what is on disk. The word of a
// scheduler is what the test writes. Hosts ask each other by a function call: the way over TLS is peers.test.ts's.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { makeIso } from '../../agent/controllers/virtualmachine/make-iso.ts'
import { domainRef } from '../../agent/controllers/virtualmachine/observe.ts'
import { Seeds } from '../../agent/controllers/virtualmachine/seed.ts'
import { handoverRefusal } from '../../agent/migration/handover.ts'
import { createMigrationSide, type MigrationOptions, type MigrationSide } from '../../agent/migration/index.ts'
import { PeerSilent, type Peers } from '../../agent/migration/peers.ts'
import { HOST_BINDINGS, STORAGE_CLASSES } from '../../agent/names.ts'
import { openStorage, type Storage } from '../../agent/storage/index.ts'
import type { Core } from '../../lib/apiserver/core/core.ts'
import { CoreResources } from '../../lib/apiserver/core/resources.ts'
import { Registry } from '../../lib/apiserver/registry.ts'
import { systemClock } from '../../lib/clock.ts'
import { nodeServerName } from '../../lib/cluster/identity.ts'
import { ApiError } from '../../lib/errors.ts'
import { LibvirtPool } from '../../lib/libvirt/index.ts'
import { Cache } from '../../lib/reconcile/cache.ts'
import { openSqliteStore } from '../../lib/store/sqlite/open.ts'
import type { Store } from '../../lib/store/store.ts'
import {
  AGENT_KINDS,
  type BindingMigrationStatus,
  type HandoverAsk,
  type HostBinding,
  type StorageClass,
} from '../../schemas/index.ts'
import type { TestAuthority } from '../support/cluster-certificates.ts'
import { LabHost } from '../support/lab-host.ts'
import { waitFor } from '../support/wait.ts'

export const OPTIONS: MigrationOptions = { maxOutgoing: 1, maxIncoming: 1, bandwidthMiBps: 640, tls: true }

/** What may happen to a question on its way: it is asked for each before and after it is answered. */
export type OnAsk = (ask: HandoverAsk['ask'], when: 'before' | 'after') => Promise<void> | void

interface Life {
  readonly store: Store
  readonly reader: Cache
  readonly resources: CoreResources
  readonly libvirt: LibvirtPool
  readonly storage: Storage
  readonly seeds: Seeds
  readonly side: MigrationSide
}

export class MovingHost {
  readonly lab: LabHost
  readonly stateDir: string
  readonly address: string
  onAsk: OnAsk = () => undefined
  options: MigrationOptions = OPTIONS
  /** By name, itself too. */
  readonly #hosts: Map<string, MovingHost>
  #life: Life | null = null

  constructor(labDir: string, name: string, address: string, hosts: Map<string, MovingHost>) {
    this.lab = new LabHost(labDir, name)
    this.stateDir = join(this.lab.dir, 'moving')
    this.address = address
    this.#hosts = hosts
    hosts.set(name, this)
  }

  get name(): string {
    return this.lab.name
  }

  get life(): Life {
    if (this.#life === null) throw new Error(`${this.name} has no agent now`)
    return this.#life
  }

  async start(): Promise<void> {
    for (const folder of ['nvram', 'console', 'seeds']) mkdirSync(join(this.stateDir, folder), { recursive: true })
    const log = pino({ level: process.env.BERTH_TEST_LOG ?? 'silent' }).child({ host: this.name })
    const store = await openSqliteStore({ path: join(this.stateDir, 'berth.db') })
    const reader = new Cache({ store, resources: AGENT_KINDS.map(({ resource }) => resource), indexes: {} })
    await reader.start()
    const core: Core = {
      store,
      registry: new Registry(AGENT_KINDS),
      clock: systemClock,
      component: 'test',
      guards: [],
      admission: [],
      completions: [],
      resources: new CoreResources(() => core),
    }
    const resources = core.resources as CoreResources
    const libvirt = new LibvirtPool({
      socketPath: join(this.lab.dir, 'run/libvirt/libvirt-sock'),
      uri: 'qemu:///system',
    })
    await waitFor(`libvirt of ${this.name}`, 30, async () => {
      await libvirt.connect()
      return true
    })
    const importer = {
      allow: [],
      maxBytes: 1n << 40n,
      maxVirtualBytes: 1n << 40n,
      stallTimeoutMs: 1,
      totalTimeoutMs: 1,
      concurrency: 1,
    }
    const storage = await openStorage({ stateDir: this.stateDir, importer, clock: systemClock, log })
    const seeds = new Seeds(join(this.stateDir, 'seeds'), makeIso)
    const side = createMigrationSide({
      reader,
      resources,
      libvirt,
      clock: systemClock,
      log,
      storage,
      seeds,
      peers: this.#peers,
      address: () => this.address,
      options: this.options,
    })
    this.#life = { store, reader, resources, libvirt, storage, seeds, side }
    side.controller.start()
  }

  /** As SIGKILL: nothing is said to libvirt, nothing is written any more. */
  async kill(): Promise<void> {
    const { store, reader, libvirt, side } = this.life
    this.#life = null
    await libvirt.close()
    await Promise.all([side.stop(), reader.stop()])
    await store.close()
  }

  async restart(): Promise<void> {
    await this.kill()
    await this.start()
  }

  /** Certificates by which the QEMUs of the hosts know each other, where the lab's libvirt looks for them. */
  async trust(authority: TestAuthority): Promise<void> {
    const { key, cert, ca } = await authority.issue(
      `system:node:${this.name}`,
      ['system:nodes'],
      [`DNS:${nodeServerName(this.name)}`],
    )
    const folder = join(this.lab.dir, 'pki')
    const files = { 'ca-cert': ca, 'server-cert': cert, 'server-key': key, 'client-cert': cert, 'client-key': key }
    for (const [name, pem] of Object.entries(files)) await writeFile(join(folder, `${name}.pem`), pem)
  }

  /** Writes the scheduler's word about a machine. */
  async put({ spec, objects = [] }: Pick<HostBinding, 'spec' | 'objects'>): Promise<void> {
    const name = spec.subject.uid
    const { resources } = this.life
    const known = await resources.get<HostBinding>(HOST_BINDINGS, { namespace: '', name })
    if (known === null)
      await resources.create<HostBinding>(HOST_BINDINGS, {
        apiVersion: 'cluster.berth/v1',
        kind: 'HostBinding',
        metadata: { name },
        spec,
        objects,
      })
    else
      await resources.modify<HostBinding>(HOST_BINDINGS, { namespace: '', name }, (binding) => ({
        ...binding,
        spec,
        objects,
      }))
  }

  /** A class whose folder all hosts have. */
  async shareFolder(path: string): Promise<void> {
    await this.life.resources.create<StorageClass>(STORAGE_CLASSES, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'shared' },
      provisioner: 'berth/dir',
      parameters: { path, shared: 'true' },
    })
  }

  async forget(uid: string): Promise<void> {
    await this.life.resources.delete(HOST_BINDINGS, { namespace: '', name: uid })
  }

  told(uid: string): BindingMigrationStatus | null {
    return this.life.reader.get<HostBinding>(HOST_BINDINGS, { namespace: '', name: uid })?.status?.migration ?? null
  }

  /** libvirt's state and reason: `1/5`; null without a domain. */
  async state(domain: string, uid: string): Promise<string | null> {
    const dom = domainRef(domain, uid)
    return await this.life.libvirt.call('DomainGetState', { dom, flags: 0 }).then(
      ({ state, reason }) => `${state}/${reason}`,
      () => null,
    )
  }

  console(uid: string): string {
    const path = join(this.stateDir, 'console', `${uid}.log`)
    return existsSync(path) ? readFileSync(path, 'latin1') : ''
  }

  /** An image as if it had been imported here. Its digest. */
  async hold(image: string, uid: string): Promise<string> {
    const { content } = this.life.storage
    return await content.withRoom(async ({ work }) => {
      const file = join(work, 'image')
      await copyFile(image, file)
      const facts = { format: 'qcow2', sourceFormat: 'qcow2', virtualSize: 134_217_728n, cdrom: false } as const
      return (await content.place(file, facts, { uid, object: null })).digest
    })
  }

  readonly #peers: Peers = {
    ask: async ({ node }, ask, { signal }) => {
      await this.onAsk(ask.ask, 'before')
      signal.throwIfAborted()
      const peer = this.#hosts.get(node)
      if (peer === undefined || peer.#life === null) throw new PeerSilent(`${node} does not answer`)
      const { handover } = peer.life.side
      const caller = { user: `system:node:${this.name}`, groups: ['system:nodes'] }
      const refusal = handoverRefusal(ask, caller, handover.binding(ask.uid))
      if (refusal !== null) throw new ApiError('Forbidden', refusal)
      const answer =
        ask.ask === 'manifest'
          ? ({ phase: 'Preparing', manifest: await handover.manifest(ask.uid) } as const)
          : await handover.answer(ask.uid, ask).catch((error: unknown) => {
              throw new PeerSilent(`${node} broke off`, { cause: error })
            })
      await this.onAsk(ask.ask, 'after')
      signal.throwIfAborted()
      return answer
    },
  }
}
