// What a command may wait for: how far a machine and its move are, as the scheduler has it and as hosts remember it themselves. And what the
// rest of such a command calls the hosts of that move.
import { recordOf } from '../../agent/migration/records.ts'
import {
  type ClusterVmStatus,
  clusterStatusOf,
  type MigrationRecord,
  type VirtualMachine,
} from '../../schemas/index.ts'
import { VMS } from '../../schemas/resources.ts'
import type { SimHost } from './host/host.ts'
import { isMoving } from './host/migration.ts'
import { NAMESPACE } from './objects.ts'
import type { World } from './world.ts'

interface Move {
  readonly epoch: number
  readonly source: string
  readonly target: string
}

/**
 * `Running`, `Stopped`: the machine's phase. `Transferring`, `Committed`: of its move, as the scheduler has it. `source:Finishing`,
 * `target:Committed`: as its hosts remember it, whoever hears of that. `undecided`: how the move ended nobody can tell but people who look at
 * both hosts.
 */
export function isIn(world: World, name: string, state: string): boolean {
  const [side, phase] = state.split(':')
  if (phase !== undefined) return heldPhase(world, name, side === 'source' ? 'Source' : 'Target') === phase
  const process = world.scheduler()
  const vm = process?.serves === true ? process.reader.get<VirtualMachine>(VMS, { namespace: NAMESPACE, name }) : null
  const { migration } = clusterStatusOf<ClusterVmStatus>(vm)
  if (state === 'undecided') return vm !== null && isUndecided(world, vm.metadata.uid, migration)
  return vm?.status?.phase === state || migration?.phase === state
}

/** It remembers that the guest is its own. */
export function hasCommitted({ disk }: SimHost, uid: string, { id }: Pick<MigrationRecord, 'id'>): boolean {
  const told = disk.binding(uid)?.status?.migration
  return told?.id === id && told.phase === 'Committed'
}

/** They can ask each other how it ended. */
export function reachEachOther(world: World, { from, to }: Pick<MigrationRecord, 'from' | 'to'>): boolean {
  return world.host(from).machine.powered && world.host(to).machine.powered && world.network.reaches(from, to)
}

function isUndecided(world: World, uid: string, migration: MigrationRecord | undefined): boolean {
  if (migration?.phase !== 'Transferring' || migration.resolution !== undefined) return false
  const target = world.host(migration.to)
  return hasCommitted(target, uid, migration)
    ? !target.machine.powered || !world.network.reaches(target.name, 'scheduler')
    : !reachEachOther(world, migration)
}

/** `its-source` and `its-target` by their names. @throws Error when the machine is not on its way */
export function withHosts(world: World, name: string, words: readonly string[]): readonly string[] {
  if (!words.some((word) => word === 'its-source' || word === 'its-target')) return words
  const move = moveOf(world, name)
  if (move === null) throw new Error(`${name} is not on its way`)
  return words.map((word) => (word === 'its-source' ? move.source : word === 'its-target' ? move.target : word))
}

/** The last one that a host has heard of. */
function moveOf(world: World, name: string): Move | null {
  const moves = [...world.hosts.values()].flatMap((host) =>
    bindingsOf(host, name).map(({ spec: { migration } }): Move => {
      const [here, peer] = [host.name, migration.peer.node]
      const [source, target] = migration.side === 'Source' ? [here, peer] : [peer, here]
      return { epoch: migration.epoch, source, target }
    }),
  )
  return moves.toSorted((one, other) => other.epoch - one.epoch)[0] ?? null
}

function heldPhase(world: World, name: string, side: 'Source' | 'Target'): string | null {
  const move = moveOf(world, name)
  const host = world.hosts.get((side === 'Source' ? move?.source : move?.target) ?? '')
  if (move === null || host === undefined) return null
  const [binding] = bindingsOf(host, name).filter(({ spec: { migration } }) => migration.epoch === move.epoch)
  return binding === undefined ? null : (recordOf(binding)?.phase ?? null)
}

const bindingsOf = ({ disk }: SimHost, name: string) =>
  disk
    .bindings()
    .filter(isMoving)
    .filter(({ spec: { subject } }) => subject.resource === VMS && subject.name === name)
