// Berth's side: one machine of a cluster, moved by operations. What an operator waits for is timed from the word that creates the operation
// to the sight of its end; what the agents do is timed by the phases that they tell.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Draft } from '../../../lib/client/objects.ts'
import type { KubeObject } from '../../../lib/object.ts'
import {
  HOST_BINDING,
  type HostBinding,
  KINDS,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../../schemas/index.ts'
import { booted, countIn, livesOn, USER_DATA } from './guest.ts'
import { IMAGE_URL, type MoveHost, type MoveLab, SHARED_FOLDER } from './lab.ts'
import { lengthOf, type Pauses } from './pauses.ts'
import { infoOf, Sights } from './sights.ts'

const NAMESPACE = 'default'
const BOOT_MS = 180_000
const MOVE_MS = 120_000
const SETTLE_MS = 60_000
const GONE_MS = 60_000
/** Both are made of the same image; a full one is larger than it. */
const DISK_SIZE = '256Mi'
const GROUP = 'virtualization.deckhouse.io'

/** The moments of one move, in ms since the operation was created. */
export interface Phases {
  /** The target has files, and says so. */
  readonly prepared: number
  /** The source's agent begins. */
  readonly transferring: number
  /** The guest is paused for the last of it: libvirt's event. */
  readonly stopped: number
  /** It runs at the target: libvirt's event. */
  readonly ran: number
  /** The source has nothing of it any more. */
  readonly cleaned: number
  /** The operation says that it is done. */
  readonly completed: number
}

export interface BerthMove {
  readonly phases: Phases
  /** By libvirt's events. */
  readonly pauseMs: number | null
  /** As `status.migration.progress` of the target says. */
  readonly toldPauseMs: number | null
  /** In words, what went wrong; null: nothing. */
  readonly fault: string | null
}

const kindOf = (name: string) => {
  const kind = KINDS.find((one) => one.kind === name)
  if (kind === undefined) throw new Error(`there is no kind ${name}`)
  return kind
}

const draft = (kind: string, name: string, spec: object) => ({
  apiVersion: `${GROUP}/v1alpha2`,
  kind,
  metadata: { name, namespace: NAMESPACE },
  spec,
})

export class BerthGuest {
  readonly #lab: MoveLab
  readonly #pauses: Pauses
  readonly #name: string
  readonly #machines = new Sights<VirtualMachine>()
  readonly #operations = new Sights<VirtualMachineOperation>()
  readonly #disks = new Sights<KubeObject>()
  readonly #images = new Sights<KubeObject>()
  readonly #bindings = new Map<string, Sights<HostBinding>>()
  #moves = 0

  constructor(lab: MoveLab, pauses: Pauses, name: string) {
    this.#lab = lab
    this.#pauses = pauses
    this.#name = name
  }

  get uid(): string {
    return this.#vm.metadata.uid
  }

  get domain(): string {
    return `${NAMESPACE}.${this.#name}`
  }

  /** Where it runs, and where it goes next. */
  get way(): readonly [MoveHost, MoveHost] {
    const [h1, h2] = this.#lab.hosts
    return this.#vm.status?.nodeName === h1.name ? [h1, h2] : [h2, h1]
  }

  get #vm(): VirtualMachine {
    const vm = this.#machines.now(this.#name)
    if (vm === undefined) throw new Error(`there is no machine ${this.#name}`)
    return vm
  }

  /** Made and booted. `shared`: on a disk that both hosts reach. */
  async boot(shared: boolean): Promise<void> {
    const { scheduler, hosts } = this.#lab
    await this.#machines.start(scheduler, kindOf('VirtualMachine'))
    await this.#operations.start(scheduler, kindOf('VirtualMachineOperation'))
    await this.#disks.start(scheduler, kindOf('VirtualDisk'))
    await this.#images.start(scheduler, kindOf('VirtualImage'))
    for (const { name, client } of hosts) {
      const sights = new Sights<HostBinding>()
      this.#bindings.set(name, sights)
      await sights.start(client, HOST_BINDING)
    }
    if (shared)
      await this.#create('StorageClass', {
        apiVersion: 'storage.k8s.io/v1',
        kind: 'StorageClass',
        metadata: { name: 'shared' },
        provisioner: 'berth/dir',
        parameters: { path: SHARED_FOLDER, shared: 'true' },
      })
    const name = this.#name
    const source = { type: 'HTTP', http: { url: IMAGE_URL } }
    await this.#create(
      'VirtualImage',
      draft('VirtualImage', name, { storage: 'ContainerRegistry', dataSource: source }),
    )
    const claim = { size: DISK_SIZE, ...(shared ? { storageClassName: 'shared' } : {}) }
    const ofImage = { type: 'ObjectRef', objectRef: { kind: 'VirtualImage', name } }
    await this.#create('VirtualDisk', draft('VirtualDisk', name, { persistentVolumeClaim: claim, dataSource: ofImage }))
    await this.#create(
      'VirtualMachine',
      draft('VirtualMachine', name, {
        virtualMachineClassName: 'generic',
        cpu: { cores: 1, coreFraction: '10%' },
        memory: { size: '256Mi' },
        provisioning: { type: 'UserData', userData: USER_DATA },
        blockDeviceRefs: [{ kind: 'VirtualDisk', name }],
      }),
    )
    await this.#machines.until(name, 'running', (vm) => vm?.status?.phase === 'Running', BOOT_MS)
    await booted(this.#log(this.way[0]))
  }

  /** One move to the other host. @throws only when the bench cannot go on */
  async move(): Promise<BerthMove> {
    const [from, to] = this.way
    const { scheduler } = this.#lab
    const counted = countIn(this.#log(from))
    const name = `${this.#name}-${++this.#moves}`
    const spec = {
      type: 'Migrate',
      virtualMachineName: this.#name,
      migrate: { nodeSelector: { 'kubernetes.io/hostname': to.name } },
    }
    // Named by the server's uid, which is known only later: all that is seen is kept.
    const seen: { readonly host: string; readonly phase: string; readonly id: string; readonly at: number }[] = []
    const unsee = [...this.#bindings].map(([host, sights]) =>
      sights.onSight((binding, uid, at) => {
        const told = binding?.status?.migration
        if (uid === this.uid && told !== undefined) seen.push({ host, phase: told.phase, id: told.id, at })
      }),
    )
    const begun = performance.now()
    try {
      const { metadata } = await scheduler.objects.create<KubeObject>(
        infoOf(kindOf('VirtualMachineOperation')),
        draft('VirtualMachineOperation', name, spec),
      )
      const ended = (one?: VirtualMachineOperation) => ['Completed', 'Failed'].includes(one?.status?.phase ?? '')
      const completed = await this.#operations.until(name, 'ended', ended, MOVE_MS)
      const at = (host: MoveHost, phase: string) =>
        (seen.find((one) => one.host === host.name && one.phase === phase && one.id === metadata.uid)?.at ??
          Number.NaN) - begun
      const pause = this.#pauses.of(this.uid, from.name, to.name, begun)
      const phases = {
        prepared: at(to, 'Prepared'),
        transferring: at(from, 'Transferring'),
        stopped: pause?.stopped ?? Number.NaN,
        ran: pause?.ran ?? Number.NaN,
        cleaned: at(from, 'Cleaned'),
        completed: completed - begun,
      }
      const operation = this.#operations.now(name)
      const failed = operation?.status?.phase === 'Completed' ? null : wordsOf(operation)
      const fault = failed ?? (await this.#settled(from, to)) ?? (await livesOn(this.#log(to), counted))
      const told = this.#bindings.get(to.name)?.now(this.uid)?.status?.migration?.progress?.downtimeMs
      return { phases, pauseMs: lengthOf(pause), toldPauseMs: told ?? null, fault }
    } finally {
      for (const end of unsee) end()
    }
  }

  /** Removed, with all that belongs to it. */
  async remove(): Promise<void> {
    const { scheduler } = this.#lab
    const name = this.#name
    for (const [kind, sights] of [
      ['VirtualMachine', this.#machines],
      ['VirtualDisk', this.#disks],
      ['VirtualImage', this.#images],
    ] as const) {
      await scheduler.objects.delete(infoOf(kindOf(kind)), { namespace: NAMESPACE, name })
      await (sights as Sights<KubeObject>).until(name, 'gone', (object) => object === undefined, GONE_MS)
    }
    for (const sights of [this.#machines, this.#operations, this.#disks, this.#images, ...this.#bindings.values()])
      await sights.stop()
  }

  /** The next move may begin: the machine runs there, and the other host has let go of it and its disk. In words what is not so. */
  async #settled(from: MoveHost, to: MoveHost): Promise<string | null> {
    const runs = (vm?: VirtualMachine) => vm?.status?.phase === 'Running' && vm.status.nodeName === to.name
    const held = () =>
      (this.#bindings.get(from.name)?.all() ?? []).filter(
        ({ spec, status }) =>
          spec.subject.name === this.#name && spec.role === 'Released' && status?.phase !== 'Released',
      ).length
    try {
      await this.#machines.until(this.#name, `running on ${to.name}`, runs, SETTLE_MS)
      for (const end = performance.now() + SETTLE_MS; held() > 0; await sleep(50))
        if (performance.now() > end) return `${from.name} does not let go of ${this.#name}`
      return null
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  #log({ stateDir }: MoveHost): string {
    return join(stateDir, 'console', `${this.uid}.log`)
  }

  async #create(kind: string, object: Draft & Readonly<Record<string, unknown>>): Promise<void> {
    await this.#lab.scheduler.objects.create(infoOf(kindOf(kind)), object)
  }
}

const wordsOf = (operation: VirtualMachineOperation | undefined): string =>
  `the operation is ${operation?.status?.phase}: ${operation?.status?.conditions?.map(({ message }) => message).join('; ')}`
