// What a scenario's commands do: to objects as users would, to hosts, lines and schedulers as bad days would.
import type { Resources } from '../../lib/apiserver/resources.ts'
import { isApiError, messageOf } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { DRAIN, REQUESTED } from '../../scheduler/controllers/drain/plan.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type MigrationRecord,
  type Node,
  type VirtualMachine,
  type VirtualMachineOperation,
} from '../../schemas/index.ts'
import { DISKS, NODES, VM_OPERATIONS, VMS } from '../../schemas/resources.ts'
import { RESOLUTION } from '../../schemas/virtualmachineoperation/migration-options.ts'
import { type Draft, joined, machineOf, NAMESPACE, operationOf, resourceOf } from './objects.ts'
import type { Deed, Scenario } from './scenario.ts'
import { hasCommitted, isIn, reachEachOther, withHosts } from './states.ts'
import type { World } from './world.ts'

type Words = readonly (string | undefined)[]

interface Doing {
  readonly world: World
  readonly scenario: Scenario
  /** Counts operations, for their names. */
  readonly count: () => number
  /** Does another command now. */
  readonly next: (words: readonly string[]) => Promise<void>
  /** What users may rely on of each machine: what got no answer may be so or not. */
  readonly promised: Map<string, Promised>
}

export type Promised = 'there' | 'gone' | 'unknown'

type Verb = (words: Words, doing: Doing) => Promise<void> | void

const named = (name: string | undefined) => ({ namespace: NAMESPACE, name: name ?? '' })
const clusterWide = (name: string | undefined) => ({ namespace: '', name: name ?? '' })

/** As a client of the scheduler. @throws Error when none answers */
function api({ world }: Doing): Resources {
  const process = world.scheduler()
  if (process === null) throw new Error('the scheduler does not answer')
  return process.resources
}

async function uidOf(name: string | undefined, doing: Doing): Promise<string> {
  const vm = await api(doing).get<VirtualMachine>(VMS, named(name))
  if (vm === null) throw new Error(`there is no machine ${name}`)
  return vm.metadata.uid
}

const apply = async (draft: Draft, doing: Doing) => {
  await api(doing).create(resourceOf(draft), draft as unknown as KubeObject)
}

/** A refusal leaves it as it was. */
async function promising(vm: string, what: Promised, doing: Doing, ask: () => Promise<void>): Promise<void> {
  const { promised } = doing
  const before = promised.get(vm)
  promised.set(vm, 'unknown')
  try {
    await ask()
    promised.set(vm, what)
  } catch (error) {
    if (before === undefined) promised.delete(vm)
    else promised.set(vm, before)
    throw error
  }
}

const operation = (type: string, vm: string | undefined, doing: Doing, spec: object = {}) =>
  apply(operationOf(type, vm ?? '', doing.count(), spec), doing)

const changeVm = (name: string | undefined, doing: Doing, change: (vm: VirtualMachine) => VirtualMachine) =>
  api(doing).modify<VirtualMachine>(VMS, named(name), change)

const changeNode = (name: string | undefined, doing: Doing, change: (node: Node) => Node) =>
  api(doing).modify<Node>(NODES, clusterWide(name), change)

/** `key=value`, or `key` for none. */
function pairOf(word: string | undefined): { readonly key: string; readonly value: string } {
  const [key = '', value = ''] = (word ?? '').split('=')
  return { key, value }
}

/** `6h`, `-30s`, `500`: milliseconds. */
function msOf(word: string | undefined): number {
  const match = /^(-?\d+)(ms|s|m|h|d)?$/.exec(word ?? '')
  const unit = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match?.[2] ?? 'ms'] ?? 1
  if (match === null) throw new Error(`${word} is no time`)
  return Number(match[1]) * unit
}

const runningHost = async (name: string | undefined, doing: Doing) => {
  const uid = await uidOf(name, doing)
  return { uid, host: [...doing.world.hosts.values()].find(({ machine }) => machine.domain(uid)?.state === 'running') }
}

/** What somebody decides who has looked at both hosts. @throws Error where they can still decide it between them */
function keptWisely(uid: string, migration: MigrationRecord, otherwise: string, { world }: Doing): string {
  const { from, to } = migration
  if (hasCommitted(world.host(to), uid, migration)) return 'target'
  if (reachEachOther(world, migration)) throw new Error(`${from} and ${to} reach each other: they decide it`)
  return otherwise
}

/** Virtual seconds. */
const AWAITED = 60

/** `SECONDS then COMMAND and COMMAND`, both parts as one likes. */
function restOf(words: readonly string[]): { readonly seconds: number; readonly commands: readonly string[] } {
  const [first = ''] = words
  const seconds = /^\d+$/.test(first) ? Number(first) : AWAITED
  const then = words.indexOf('then')
  const text = then < 0 ? '' : words.slice(then + 1).join(' ')
  return { seconds, commands: text === '' ? [] : text.split(' and ') }
}

/** By first word. */
const VERBS: Readonly<Record<string, Verb>> = {
  // Users.
  create: async ([name = ''], doing) => {
    for (const [vm, text] of Object.entries(doing.scenario.vms)) {
      if (vm !== name && !vm.startsWith(`${name}-`)) continue
      await promising(vm, 'there', doing, async () => {
        // The disk may be there: of an earlier try, or left by a machine of that name.
        for (const draft of machineOf(vm, text))
          await apply(draft, doing).catch((error) => {
            if (draft.kind !== 'VirtualDisk' || !isApiError(error, 'AlreadyExists')) throw error
          })
      })
    }
  },
  apply: async ([name = ''], doing) => {
    const object = doing.scenario.objects[name]
    if (object === undefined) throw new Error(`the scenario has no object ${name}`)
    await apply(object as Draft, doing)
  },
  delete: ([name = ''], doing) => promising(name, 'gone', doing, () => api(doing).delete(VMS, named(name))),
  'delete-disk': ([name], doing) => api(doing).delete(DISKS, named(name)),
  start: ([name], doing) => operation('Start', name, doing),
  stop: ([name, how], doing) => operation('Stop', name, doing, how === 'force' ? { force: true } : {}),
  restart: ([name], doing) => operation('Restart', name, doing),
  evict: ([name], doing) => operation('Evict', name, doing),
  migrate: ([name, , host], doing) =>
    operation(
      'Migrate',
      name,
      doing,
      host === undefined ? {} : { migrate: { nodeSelector: { 'kubernetes.io/hostname': host } } },
    ),
  cancel: async ([name], doing) => {
    const process = doing.world.scheduler()
    const open = process?.reader
      .list(VM_OPERATIONS, NAMESPACE)
      .filter(({ spec, status }) => {
        const { virtualMachineName, type } = spec as { readonly virtualMachineName: string; readonly type: string }
        const { phase = 'Pending' } = (status ?? {}) as { readonly phase?: string }
        return (
          virtualMachineName === name &&
          (type === 'Migrate' || type === 'Evict') &&
          ['Pending', 'InProgress'].includes(phase)
        )
      })
      .at(-1)
    if (open !== undefined) await api(doing).delete(VM_OPERATIONS, named(open.metadata.name))
  },
  // As `berth migrate resolve`.
  resolve: async ([name, how = '', otherwise = ''], doing) => {
    const vm = await api(doing).get<VirtualMachine>(VMS, named(name))
    const { migration } = clusterStatusOf<ClusterVmStatus>(vm)
    if (vm === null || migration?.phase !== 'Transferring')
      throw new Error(`${name} has no move whose outcome is unknown`)
    const keep = how === 'wisely' ? keptWisely(vm.metadata.uid, migration, otherwise, doing) : how
    await api(doing).modify<VirtualMachineOperation>(VM_OPERATIONS, named(migration.operation), (one) => ({
      ...one,
      metadata: { ...one.metadata, annotations: { ...one.metadata.annotations, [RESOLUTION]: keep } },
    }))
  },
  set: ([name, word], doing) => {
    const { key, value } = pairOf(word)
    return changeVm(name, doing, (vm) => {
      if (key === 'cores') return { ...vm, spec: { ...vm.spec, cpu: { ...vm.spec.cpu, cores: Number(value) } } }
      if (key === 'memory') return { ...vm, spec: { ...vm.spec, memory: { size: value } } }
      if (key === 'runPolicy')
        return { ...vm, spec: { ...vm.spec, runPolicy: value as VirtualMachine['spec']['runPolicy'] } }
      return { ...vm, metadata: { ...vm.metadata, annotations: { ...vm.metadata.annotations, [key]: value } } }
    }).then(() => undefined)
  },
  drain: async ([name], doing) => {
    await VERBS.cordon?.([name], doing)
    await VERBS.annotate?.([name, `${DRAIN}=${REQUESTED}`], doing)
  },
  cordon: ([name], doing) =>
    changeNode(name, doing, (node) => ({ ...node, spec: { ...node.spec, unschedulable: true } })).then(() => undefined),
  uncordon: ([name], doing) =>
    changeNode(name, doing, (node) => ({ ...node, spec: { ...node.spec, unschedulable: false } })).then(
      () => undefined,
    ),
  label: ([name, word], doing) => {
    const { key, value } = pairOf(word)
    const metadata = (node: Node) => ({ ...node.metadata, labels: { ...node.metadata.labels, [key]: value } })
    return changeNode(name, doing, (node) => ({ ...node, metadata: metadata(node) })).then(() => undefined)
  },
  annotate: ([name, word], doing) => {
    const { key, value } = pairOf(word)
    const metadata = (node: Node) => ({ ...node.metadata, annotations: { ...node.metadata.annotations, [key]: value } })
    return changeNode(name, doing, (node) => ({ ...node, metadata: metadata(node) })).then(() => undefined)
  },
  taint: ([name, word, effect = 'NoSchedule'], doing) => {
    const { key, value } = pairOf(word)
    const taint = { key, value, effect: effect as 'NoSchedule' }
    return changeNode(name, doing, (node) => ({
      ...node,
      spec: { ...node.spec, taints: [...(node.spec?.taints ?? []), taint] },
    })).then(() => undefined)
  },
  // As a host with a token does, for the first time or again.
  join: async ([name = ''], doing) => {
    const { world, scenario } = doing
    await apply(joined(name, scenario.hosts[name] ?? {}), doing)
    world.host(name).startAgent()
  },
  // As `berth delete node`: the host itself does not hear of it.
  remove: ([name], doing) => api(doing).delete(NODES, clusterWide(name)),
  // Hosts.
  off: ([name], { world }) => world.host(name).crash(),
  on: ([name], { world }) => world.host(name).boot(),
  reboot: ([name], { world }) => world.host(name).reboot(),
  'kill-agent': ([name], { world }) => world.host(name).killAgent(),
  freeze: ([name], { world }) => world.host(name).freezeAgent(),
  thaw: ([name], { world }) => world.host(name).thawAgent(),
  'stop-fencer': ([name], { world }) => world.host(name).stopFencer(),
  libvirt: ([name, state], { world }) => world.host(name).setLibvirt(state as 'up' | 'down' | 'frozen'),
  storage: ([name, state], { world }) => world.host(name).machine.setStorage(state === 'up'),
  crash: async ([name], doing) => {
    const { uid, host } = await runningHost(name, doing)
    host?.guestEnds(uid, 'crashed')
  },
  poweroff: async ([name], doing) => {
    const { uid, host } = await runningHost(name, doing)
    host?.guestEnds(uid, 'shutdown')
  },
  // Lines and clocks.
  cut: ([one = '', other = ''], { world }) => world.network.cut(one, other),
  heal: ([one = '', other = ''], { world }) => world.network.heal(one, other),
  isolate: ([name = ''], { world }) => {
    for (const other of ['scheduler', 'scheduler2', ...world.hosts.keys()])
      if (other !== name) world.network.cut(name, other)
  },
  rejoin: ([name = ''], { world }) => {
    for (const other of ['scheduler', 'scheduler2', ...world.hosts.keys()])
      if (other !== name) world.network.heal(name, other)
  },
  slow: ([name = '', ms], { world }) => world.network.slow(name, msOf(ms)),
  mute: ([name = '', state], { world }) => world.network.mute(name, state !== 'off'),
  jump: ([name = '', ms], { world }) => world.clockOf(name).jump(msOf(ms)),
  // Schedulers.
  scheduler: async ([verb, ...rest], { world }) => {
    if (verb === 'kill') return world.killScheduler(rest[0])
    if (verb === 'start') return void (await world.startScheduler(rest[0]))
    if (verb === 'restart') {
      await world.killScheduler(rest[0])
      return void (await world.startScheduler(rest[0]))
    }
    if (verb === 'freeze') return world.scheduler(rest[0])?.life.freeze()
    if (verb === 'thaw') return world.scheduler(rest[0])?.life.thaw()
    if (verb === 'full') return world.setFull(rest[0] !== 'off')
    if (verb === 'dies')
      return world.killAtWrite({ writes: Number(rest[0]), when: rest[1] === 'after' ? 'dies after' : 'dies before' })
    if (verb === 'spared') return world.killAtWrite(null)
    if (verb === 'copy') return world.copyStore('scheduler', rest[0] ?? 'copy')
    if (verb === 'restore') {
      if (!world.hasStore('copy')) throw new Error('there is no copy')
      await world.killScheduler()
      world.copyStore('copy', 'scheduler')
      // Back as its disk was, or by the program that restores a backup.
      return void (await world.startScheduler('scheduler', rest[0] === 'backup'))
    }
    if (verb === 'rebuild') return world.takeUpHosts()
    throw new Error(`a scheduler cannot ${verb}`)
  },
  // Waits until a machine, or its move, is in a state of states.ts, and does the rest of the line at that very moment.
  await: async ([name = '', state = '', ...rest], doing) => {
    const { world } = doing
    const { seconds, commands } = restOf(rest.map(String))
    if (!(await world.until(() => isIn(world, name, state), seconds * 1000)))
      throw new Error(`${name} has not come to ${state} in ${seconds} s`)
    for (const command of commands) await doing.next(withHosts(world, name, command.split(' ')))
  },
  // Nothing: a line for readers.
  note: () => undefined,
}

export class Deeds {
  readonly #doing: Doing
  #operations = 0

  constructor(world: World, scenario: Scenario) {
    const first = Object.entries(scenario.vms).flatMap(([name, { later }]) => (later === true ? [] : [name]))
    const promised = new Map<string, Promised>(first.map((name) => [name, 'there'] as const))
    const next = (words: readonly string[]) => this.do(words)
    this.#doing = { world, scenario, count: () => ++this.#operations, next, promised }
  }

  /** What users may rely on. */
  get promised(): ReadonlyMap<string, Promised> {
    return this.#doing.promised
  }

  /** Does it, and says so; what it was refused is part of the log. */
  async do([verb = '', ...words]: Deed['words']): Promise<void> {
    const { world } = this.#doing
    const does = VERBS[verb]
    if (does === undefined) throw new Error(`there is no command ${verb}`)
    world.journal.say('=', [verb, ...words].join(' '))
    try {
      await does(words, this.#doing)
    } catch (error) {
      world.journal.say('=', `refused: ${messageOf(error)}`)
    }
  }
}
