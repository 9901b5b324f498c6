// One machine that is moved between two hosts of a test, and what the test says in a scheduler's place.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { recorded } from '../../agent/images/recorded.ts'
import { type DomainPlan, domainXml } from '../../lib/domain/index.ts'
import type { KubeObject } from '../../lib/object.ts'
import type { BindingMigration, HostBinding } from '../../schemas/index.ts'
import { waitFor } from '../support/wait.ts'
import { badSumsIn, COUNTING_GUEST, countsIn, goodSumsIn } from './counting-guest.ts'
import type { MovingHost } from './moving-host.ts'

const BYTES = 134_217_728n
/** Every state of libvirt's in which a guest's CPUs run. */
const RUNS = /^[12]\//

export class MovingVm {
  readonly uid = randomUUID()
  readonly diskUid = randomUUID()
  readonly name: string
  readonly shared: string | null
  epoch = 1
  #base = ''

  /** `shared`: the folder of a class that both hosts have; null for a disk of the host's own. */
  constructor(name: string, shared: string | null) {
    this.name = name
    this.shared = shared
  }

  get domain(): string {
    return `default.${this.name}`
  }

  #vm(): KubeObject {
    const provisioning = { type: 'UserData', userData: COUNTING_GUEST }
    return this.#object('VirtualMachine', this.name, this.uid, { provisioning })
  }

  #disk(): KubeObject {
    return this.#object('VirtualDisk', `${this.name}-disk`, this.diskUid, {
      persistentVolumeClaim: { size: String(BYTES), ...(this.shared === null ? {} : { storageClassName: 'shared' }) },
    })
  }

  #object(kind: string, name: string, uid: string, spec: object): KubeObject {
    const metadata = { namespace: 'default', name, uid } as KubeObject['metadata']
    return { apiVersion: 'virtualization.deckhouse.io/v1alpha2', kind, metadata, spec } as KubeObject
  }

  #objects(): readonly KubeObject[] {
    return [this.#vm(), this.#disk()]
  }

  /** Started by hand on the host, as its VM controller would. */
  async boot(host: MovingHost, image: string): Promise<void> {
    const { storage, seeds, libvirt } = host.life
    const signal = AbortSignal.timeout(60_000)
    this.#base = await host.hold(image, randomUUID())
    const folder = this.shared ?? host.stateDir
    const disk = await storage.driver.create(
      {
        uid: this.diskUid,
        folder,
        sizeBytes: BYTES,
        base: this.#base,
        object: recorded(this.#disk()),
        shared: this.shared !== null,
      },
      signal,
    )
    if (disk === null) throw new Error('no disk')
    const seed = await seeds.ensure({ uid: this.uid, hostname: this.name, userData: COUNTING_GUEST }, signal)
    const plan: DomainPlan = {
      name: this.domain,
      uuid: this.uid,
      accelerator: 'qemu',
      machine: 'pc-q35-7.2',
      memoryBytes: 134_217_728n,
      cpu: { sockets: 1, coresPerSocket: 1, model: { kind: 'features', base: 'qemu64', features: [] } },
      firmware: { kind: 'bios' },
      tpm: true,
      hyperV: false,
      disks: [
        {
          target: 'sda',
          bus: 'scsi',
          device: 'disk',
          path: disk.path,
          format: 'qcow2',
          backing: disk.base === null ? [] : [{ path: storage.content.path(disk.base), format: 'qcow2' }],
          readonly: false,
          alias: `ua-${this.diskUid}`,
          discard: true,
          bootOrder: 1,
        },
      ],
      seed: { path: seed },
      nics: [],
      serialLogPath: join(host.stateDir, 'console', `${this.uid}.log`),
      guestAgent: true,
      metadata: {
        namespace: 'default',
        name: this.name,
        uid: this.uid,
        epoch: this.epoch,
        generation: 1,
        specJson: '{}',
        digest: '',
        stoppedManually: false,
      },
      onReboot: 'restart',
      restartPorts: 10,
      smbios: { manufacturer: 'Berth', product: 'BerthVirtualMachine' },
    }
    const { dom } = await libvirt.call('DomainDefineXMLFlags', { xml: domainXml(plan), flags: 0 })
    await libvirt.call('DomainCreateWithFlags', { dom, flags: 0 }, { timeoutMs: 120_000 })
    await host.put({ spec: this.#spec('Owner'), objects: this.#objects() })
    await waitFor(
      'a guest that counts and has written',
      120,
      () => {
        const said = host.console(this.uid)
        return countsIn(said).length > 3 && goodSumsIn(said).length > 0
      },
      () => host.console(this.uid).slice(-1000),
    )
  }

  #spec(role: HostBinding['spec']['role'], migration?: BindingMigration): HostBinding['spec'] {
    return {
      subject: {
        resource: 'virtualmachines.virtualization.deckhouse.io',
        namespace: 'default',
        name: this.name,
        uid: this.uid,
      },
      epoch: this.epoch,
      role,
      ruler: { instance: 'test', term: 1, revision: '1' },
      ...(migration === undefined ? {} : { migration }),
    }
  }

  ownerSpec(): HostBinding['spec'] {
    return this.#spec('Owner')
  }

  /** The scheduler's words that begin a migration, `go` included. */
  async begin(from: MovingHost, to: MovingHost, options: BindingMigration['options'] = {}): Promise<Move> {
    const move = await this.prepare(from, to, options)
    await move.go()
    return move
  }

  /** Those to the target; resolves when it is prepared. */
  async prepare(from: MovingHost, to: MovingHost, options: BindingMigration['options'] = {}): Promise<Move> {
    const move = new Move(this, from, to, options)
    await to.put({ spec: move.spec('Target'), objects: this.#objects() })
    await waitFor(
      'a prepared target',
      60,
      () => {
        const told = to.told(this.uid)
        if (told?.id === move.id && told.phase === 'Failed') throw new Error(`not prepared: ${told.message}`)
        return told?.id === move.id && told.phase === 'Prepared'
      },
      () => JSON.stringify(to.told(this.uid)),
    )
    return move
  }

  specFor(side: 'Source' | 'Target', migration: BindingMigration): HostBinding['spec'] {
    const spec = this.#spec(side === 'Source' ? 'Owner' : 'Target', migration)
    return { ...spec, epoch: side === 'Source' ? this.epoch : migration.epoch }
  }

  objects(): readonly KubeObject[] {
    return this.#objects()
  }

  /** After a move that went well: the words that end it. */
  async settle(from: MovingHost, to: MovingHost): Promise<void> {
    this.epoch += 1
    await from.forget(this.uid)
    await to.put({ spec: this.#spec('Owner'), objects: this.#objects() })
    if (this.shared === null) await from.life.storage.driver.remove(this.diskUid)
  }

  /** After one that did not: the machine is its first host's, the other forgets. */
  async stay(from: MovingHost, to: MovingHost): Promise<void> {
    this.epoch += 1
    await to.forget(this.uid)
    await from.put({ spec: this.#spec('Owner'), objects: this.#objects() })
  }

  /** The hosts on which its CPUs run now. */
  async runsOn(...hosts: readonly MovingHost[]): Promise<readonly string[]> {
    const states = await Promise.all(hosts.map((host) => host.state(this.domain, this.uid)))
    return hosts.flatMap(({ name }, index) => (RUNS.test(states[index] ?? '') ? [name] : []))
  }

  /** It goes on counting on `host`, its files are as it wrote them, and no number came twice or is missing. */
  async expectAlive(host: MovingHost, ...others: readonly MovingHost[]): Promise<void> {
    const before = host.console(this.uid).length
    await waitFor(
      `a guest that counts on ${host.name}`,
      30,
      () => {
        const said = host.console(this.uid).slice(before)
        return countsIn(said).length > 2 && goodSumsIn(said).length > 0
      },
      () => host.console(this.uid).slice(-6000),
    )
    const all = [host, ...others]
    const bad = all.flatMap((one) => badSumsIn(one.console(this.uid)))
    if (bad.length > 0) throw new Error(`files that are not as the guest wrote them: ${bad}`)
    const counted = all.flatMap((one) => countsIn(one.console(this.uid))).sort((a, b) => a - b)
    const twice = counted.filter((count, index) => counted[index - 1] === count)
    if (twice.length > 0) throw new Error(`counted twice: ${twice}`)
    // A line that was being written at the moment of a move is in two logs, a part in each.
    const first = counted[0] ?? 0
    const last = counted.at(-1) ?? 0
    const missing = last - first + 1 - counted.length
    if (missing > this.epoch)
      throw new Error(`${missing} numbers are missing after ${this.epoch - 1} words of a scheduler`)
  }

  async end(...hosts: readonly MovingHost[]): Promise<void> {
    for (const host of hosts) {
      await host.lab.virsh('destroy', this.domain).catch(() => undefined)
      await host.lab.virsh('undefine', this.domain, '--nvram', '--tpm').catch(() => undefined)
      await host.forget(this.uid)
    }
  }
}

export class Move {
  readonly id = randomUUID()
  readonly #vm: MovingVm
  readonly #from: MovingHost
  readonly #to: MovingHost
  readonly #options: BindingMigration['options']
  readonly #epoch: number

  constructor(vm: MovingVm, from: MovingHost, to: MovingHost, options: BindingMigration['options']) {
    this.#vm = vm
    this.#from = from
    this.#to = to
    this.#options = options
    this.#epoch = vm.epoch + 1
  }

  spec(side: 'Source' | 'Target', more: Partial<BindingMigration> = {}): HostBinding['spec'] {
    const peer = side === 'Source' ? this.#to : this.#from
    const migration = { id: this.id, side, peer: { node: peer.name, url: `https://${peer.address}:8750` } }
    return this.#vm.specFor(side, { ...migration, epoch: this.#epoch, options: this.#options, ...more })
  }

  go(more: Partial<BindingMigration> = {}): Promise<void> {
    return this.#from.put({ spec: this.spec('Source', { go: true, ...more }), objects: this.#vm.objects() })
  }

  /** Waits for words of the host about this move. */
  async see(host: MovingHost, phase: string, seconds = 60): Promise<NonNullable<ReturnType<MovingHost['told']>>> {
    return await waitFor(
      `${phase} at ${host.name}`,
      seconds,
      () => {
        const told = host.told(this.#vm.uid)
        return told?.id === this.id && told.phase === phase ? told : null
      },
      () => JSON.stringify([this.#from.told(this.#vm.uid), this.#to.told(this.#vm.uid)]),
    )
  }
}
