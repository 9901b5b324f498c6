// One client of a host that does what its dice say, on objects of a namespace of its own, and keeps a ledger of what was acknowledged.
// It asks once: what gets no answer stays open.
import { ApiError, messageOf } from '../../lib/errors.ts'
import type { LabHost } from '../support/lab-host.ts'
import type { Lab } from '../support/open-lab.ts'
import { Space } from '../support/space.ts'
import { Acknowledged, type Asked } from './acknowledged.ts'
import { DEEDS, type Deed, type Dice } from './deeds.ts'
import { itemAt, type Random, weighted } from './random.ts'
import { isOpen } from './steady-space.ts'

const V1ALPHA2 = 'virtualization.deckhouse.io/v1alpha2'
/** Machines at a time; each is a QEMU that only runs its firmware. */
const MOST_MACHINES = 4
const MOST_IMAGES = 3
const IMAGE_BYTES = 1_048_576
const AWAY_MS = 300

export interface Operation {
  readonly name: string
  readonly type: 'Start' | 'Stop' | 'Restart'
}

export class ChaosClient {
  readonly space: Space
  readonly ledger = new Acknowledged()
  readonly #lab: Lab
  readonly #random: Random
  /** Machine -> the last operation asked for; null when nobody knows whether it was taken. */
  readonly #last = new Map<string, Operation | null>()
  readonly #imagesInUse = new Set<string>()
  readonly #namespaces = new Map<string, Space>()
  #count = 0
  #acts = 0
  #open = 0
  #isAway = false
  readonly #refusals: string[] = []

  constructor(lab: Lab, host: LabHost, namespace: string, random: Random) {
    this.#lab = lab
    this.space = new Space(host, namespace)
    this.#random = random
  }

  /** Acts so far, those without an answer, and what was refused. */
  get report(): { readonly acts: number; readonly open: number; readonly refusals: readonly string[] } {
    return { acts: this.#acts, open: this.#open, refusals: this.#refusals }
  }

  /** By machine, the last operation, where it is known. */
  lastOperations(): readonly (readonly [string, Operation])[] {
    return [...this.#last].flatMap(([vm, operation]) => (operation === null ? [] : [[vm, operation] as const]))
  }

  /** One act. Never rejects: a refusal is an answer, too. */
  async act(): Promise<void> {
    const place = this.#random.next()
    const dice = { who: this.#random.next(), how: this.#random.next() }
    this.#acts += 1
    await this.#do(weighted<Deed>(DEEDS, place), dice)
  }

  /** ms until the next act; longer after one without an answer, as the agent is away. */
  pauseMs(): number {
    return this.#random.between(10, 150) + (this.#isAway ? AWAY_MS : 0)
  }

  async #do(deed: Deed, dice: Dice): Promise<void> {
    const machine = itemAt(this.#names('VirtualMachine'), dice.who)
    switch (deed) {
      case 'machine':
        return this.#names('VirtualMachine').length < MOST_MACHINES ? this.#machine(dice) : undefined
      case 'stop':
        return machine === undefined ? undefined : this.#operation(machine, 'Stop', dice.how < 0.5)
      case 'start':
        return machine === undefined ? undefined : this.#operation(machine, 'Start', false)
      case 'restart':
        return machine === undefined ? undefined : this.#operation(machine, 'Restart', dice.how < 0.5)
      case 'devices':
        return machine === undefined ? undefined : this.#devices(machine, dice.how < 0.6)
      case 'memory':
        return machine === undefined ? undefined : this.#memory(machine, dice.how < 0.5 ? '32Mi' : '48Mi')
      case 'grow':
        return this.#grow(dice)
      case 'image':
        return this.#names('VirtualImage').length < MOST_IMAGES ? this.#image() : undefined
      case 'disk-of-image':
        return this.#diskOfImage(itemAt(this.#names('VirtualImage'), dice.who))
      case 'download':
        return this.#downloadedDisk()
      case 'remove-machine':
        return machine === undefined ? undefined : this.#remove('VirtualMachine', machine)
      case 'remove-disk':
        return this.#removeDisk(dice)
      case 'remove-image':
        return this.#removeImage(dice)
      case 'namespace':
        return this.#namespaces.size < 1 ? this.#makeNamespace(dice) : undefined
      case 'remove-namespace':
        return this.#removeNamespace(itemAt([...this.#namespaces.keys()], dice.who))
    }
  }

  /** Some with user data. */
  async #machine({ how }: Dice, space = this.space): Promise<void> {
    const name = `m${this.#count++}`
    if (!(await this.#disk(name, space))) return
    await this.#ask(this.ledger.creating(keyOf(space, 'VirtualMachine', name)), () =>
      space.vm(name, {
        memory: { size: '32Mi' },
        blockDeviceRefs: [{ kind: 'VirtualDisk', name }],
        terminationGracePeriodSeconds: 1,
        ...(how < 0.4 ? { provisioning: { type: 'UserData', userData: '#cloud-config\n' } } : {}),
      }),
    )
  }

  /** Whether it is there for certain: what names it must not wait for it. */
  async #disk(name: string, space = this.space): Promise<boolean> {
    const key = keyOf(space, 'VirtualDisk', name)
    if (!this.ledger.certain(key)) await this.#ask(this.ledger.creating(key), () => space.disk(name, '1Mi'))
    return this.ledger.certain(key)
  }

  async #operation(vm: string, type: Operation['type'], force: boolean): Promise<void> {
    const name = `op${this.#count++}`
    const spec = { type, virtualMachineName: vm, ...(force ? { force } : {}) }
    const draft = { apiVersion: V1ALPHA2, kind: 'VirtualMachineOperation', metadata: { name }, spec }
    this.#last.set(vm, null)
    const taken = await this.#ask(this.ledger.creating(this.#key('VirtualMachineOperation', name)), () =>
      this.space.create(draft),
    )
    if (taken) this.#last.set(vm, { name, type })
  }

  /** A second disk comes to or leaves the machine, whether it runs or not. */
  async #devices(vm: string, wanted: boolean): Promise<void> {
    const second = `${vm}-second`
    if (wanted && !(await this.#disk(second))) return
    const names = wanted ? [vm, second] : [vm]
    const blockDeviceRefs = names.map((name) => ({ kind: 'VirtualDisk', name }))
    await this.#change('VirtualMachine', vm, 'disks', names, [vm], { blockDeviceRefs })
  }

  #memory(vm: string, size: string): Promise<void> {
    return this.#change('VirtualMachine', vm, 'memory', size, '32Mi', { memory: { size } })
  }

  async #grow({ who, how }: Dice): Promise<void> {
    const disk = itemAt(
      this.#names('VirtualDisk').filter((name) => !name.startsWith('d')),
      who,
    )
    const size = how < 0.5 ? '2Mi' : '3Mi'
    if (disk !== undefined)
      await this.#change('VirtualDisk', disk, 'size', size, '1Mi', { persistentVolumeClaim: { size } })
  }

  async #image(): Promise<void> {
    const name = `i${this.#count++}`
    const spec = { storage: 'ContainerRegistry', dataSource: this.#served(name) }
    const draft = { apiVersion: V1ALPHA2, kind: 'VirtualImage', metadata: { name }, spec }
    await this.#ask(this.ledger.creating(this.#key('VirtualImage', name)), () => this.space.create(draft))
  }

  async #diskOfImage(image: string | undefined): Promise<void> {
    if (image === undefined || !this.ledger.certain(this.#key('VirtualImage', image))) return
    this.#imagesInUse.add(image)
    const name = `d${this.#count++}`
    const spec = { dataSource: { type: 'ObjectRef', objectRef: { kind: 'VirtualImage', name: image } } }
    const draft = { apiVersion: V1ALPHA2, kind: 'VirtualDisk', metadata: { name }, spec }
    await this.#ask(this.ledger.creating(this.#key('VirtualDisk', name)), () => this.space.create(draft))
  }

  async #downloadedDisk(): Promise<void> {
    const name = `d${this.#count++}`
    const spec = { dataSource: this.#served(name) }
    const draft = { apiVersion: V1ALPHA2, kind: 'VirtualDisk', metadata: { name }, spec }
    await this.#ask(this.ledger.creating(this.#key('VirtualDisk', name)), () => this.space.create(draft))
  }

  /** Content that nobody else has. */
  #served(name: string) {
    const content = Buffer.alloc(IMAGE_BYTES, `${this.space.namespace}/${name}`)
    const url = this.#lab.served.bytes(`${this.space.namespace}-${name}.raw`, content)
    return { type: 'HTTP', http: { url } }
  }

  async #remove(kind: string, name: string): Promise<void> {
    if (kind === 'VirtualMachine') this.#last.delete(name)
    await this.#ask(this.ledger.deleting(this.#key(kind, name)), () => this.space.delete(kind, name))
  }

  /** One whose machine was deleted, or never had one: a disk in use would wait for its machine. */
  async #removeDisk({ who }: Dice): Promise<void> {
    const free = this.#names('VirtualDisk').filter(
      (name) => !this.#names('VirtualMachine').includes(name.replace(/-second$/, '')),
    )
    const disk = itemAt(free, who)
    if (disk !== undefined) await this.#remove('VirtualDisk', disk)
  }

  /** One that no disk reads through: others would wait for the disks. */
  async #removeImage({ who }: Dice): Promise<void> {
    const image = itemAt(
      this.#names('VirtualImage').filter((name) => !this.#imagesInUse.has(name)),
      who,
    )
    if (image !== undefined) await this.#remove('VirtualImage', image)
  }

  async #makeNamespace(dice: Dice): Promise<void> {
    const space = new Space(this.space.host, `${this.space.namespace}-${this.#count++}`)
    const draft = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: space.namespace } }
    const made = await this.#ask(this.ledger.creating(`Namespace//${space.namespace}`), () => space.create(draft))
    if (!made) return
    this.#namespaces.set(space.namespace, space)
    await this.#machine(dice, space)
  }

  async #removeNamespace(name: string | undefined): Promise<void> {
    if (name === undefined) return
    this.#namespaces.delete(name)
    const inside = ['VirtualMachine', 'VirtualDisk'].flatMap((kind) =>
      this.ledger.possible(`${kind}/${name}`).map((object) => `${kind}/${name}/${object}`),
    )
    const asked = [`Namespace//${name}`, ...inside].map((key) => this.ledger.deleting(key))
    await this.#ask(together(asked), () => this.space.delete('Namespace', name))
  }

  async #change(
    kind: string,
    name: string,
    field: string,
    value: unknown,
    before: unknown,
    spec: unknown,
  ): Promise<void> {
    await this.#ask(this.ledger.changing(this.#key(kind, name), field, value, before), () =>
      this.space.patch(kind, name, { spec }),
    )
  }

  /** Whether it was done for certain. */
  async #ask(asked: Asked, work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      asked.answered()
      this.#isAway = false
      return true
    } catch (error) {
      this.#isAway = isOpen(error)
      if (this.#isAway) this.#open += 1
      else if (error instanceof ApiError) {
        asked.refused(error.reason)
        this.#refusals.push(messageOf(error))
      } else throw error
      return false
    }
  }

  /** Those that may be there: what is chosen among only the certain would let the others pile up. */
  #names(kind: string): readonly string[] {
    return this.ledger.possible(`${kind}/${this.space.namespace}`)
  }

  #key(kind: string, name: string): string {
    return keyOf(this.space, kind, name)
  }
}

const keyOf = ({ namespace }: Space, kind: string, name: string): string => `${kind}/${namespace}/${name}`

const together = (all: readonly Asked[]): Asked => ({
  answered: () => {
    for (const each of all) each.answered()
  },
  refused: (reason) => {
    for (const each of all) each.refused(reason)
  },
})
