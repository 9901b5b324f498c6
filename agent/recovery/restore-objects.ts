// Makes candidates into objects through the API's own door, one by one, and says what became of each.
import type { Resources } from '../../lib/apiserver/resources.ts'
import { ApiError, isApiError, messageOf } from '../../lib/errors.ts'
import { type KubeObject, nameOf, type OwnerReference } from '../../lib/object.ts'
import type { Store } from '../../lib/store/store.ts'
import { KINDS, type VirtualMachine } from '../../schemas/index.ts'
import { CLUSTER_IMAGES, DISKS, IMAGES, SECRETS, VM_CLASSES, VMS } from '../names.ts'
import { type Candidate, type Candidates, labelOf } from './candidates.ts'

export type Outcome = 'recovered' | 'refused' | 'missing' | 'lost'

/** One line of the report. */
export interface ReportLine {
  readonly outcome: Outcome
  readonly text: string
}

export interface Report {
  readonly lines: readonly ReportLine[]
  /** Objects that were there already, with this uid. */
  readonly present: number
}

interface Door {
  readonly store: Store
  readonly resources: Resources
}

/** Objects made at a time; they share commits. */
const AT_A_TIME = 100

export async function restoreObjects({ stages, refusals }: Candidates, door: Door): Promise<Report> {
  const lines: ReportLine[] = refusals.map(({ what, why }) => ({ outcome: 'refused', text: `${what}: ${why}` }))
  const here = await uidsIn(door.store)
  const made: Candidate[] = []
  let present = 0
  for (const stage of stages) {
    for (let at = 0; at < stage.length; at += AT_A_TIME) {
      const results = await Promise.all(
        stage.slice(at, at + AT_A_TIME).map((candidate) => restore(candidate, here, door)),
      )
      for (const { candidate, refusal, isNew } of results) {
        if (refusal !== null) lines.push({ outcome: 'refused', text: `${labelOf(candidate.object)}: ${refusal}` })
        else if (!isNew) present += 1
        else {
          made.push(candidate)
          lines.push({ outcome: 'recovered', text: labelOf(candidate.object) })
          for (const lost of candidate.lost)
            lines.push({ outcome: 'lost', text: `${labelOf(candidate.object)}: ${lost}` })
        }
      }
    }
  }
  lines.push(...(await giveOwners(made, door)), ...(await missing(made, door)))
  return { lines, present }
}

async function uidsIn(store: Store): Promise<Set<string>> {
  const lists = await Promise.all(KINDS.map(({ resource }) => store.list(resource)))
  return new Set(lists.flatMap(({ entries }) => entries.map(({ value }) => value.metadata.uid)))
}

async function restore(candidate: Candidate, here: ReadonlySet<string>, { resources }: Door) {
  const { resource, object, status } = candidate
  const { uid } = object.metadata
  const target = { ...nameOf(object), uid }
  // Killed between the two writes: the object is there and its status is not.
  const present = uid !== undefined && here.has(uid)
  try {
    if (!present) await (uid === undefined ? resources.create(resource, object) : resources.recreate(resource, object))
    if (status !== undefined)
      await resources.modifyStatus<KubeObject>(resource, target, (before) => (before === undefined ? status : before))
    return { candidate, refusal: null, isNew: !present }
  } catch (error) {
    if (uid === undefined && isApiError(error, 'AlreadyExists')) return { candidate, refusal: null, isNew: false }
    if (error instanceof ApiError && error.code >= 500) throw error
    return { candidate, refusal: messageOf(error), isNew: false }
  }
}

/** Only owners that are there: an object whose owner is gone would be deleted by the garbage collection. */
async function giveOwners(made: readonly Candidate[], { store, resources }: Door): Promise<readonly ReportLine[]> {
  const lines: ReportLine[] = []
  const here = await uidsIn(store)
  for (const { resource, object, owners } of made) {
    const isThere = ({ uid }: OwnerReference) => typeof uid === 'string' && here.has(uid)
    const gone = owners.filter((owner) => !isThere(owner))
    if (gone.length > 0) {
      const names = gone.map(({ kind, name }) => `${kind} ${name}`).join(', ')
      lines.push({
        outcome: 'lost',
        text: `${labelOf(object)}: its owner ${names} was not recovered, and is taken out of it`,
      })
    }
    const kept = owners.filter(isThere)
    if (kept.length === 0) continue
    try {
      await resources.modify(resource, nameOf(object), (now) => ({
        ...now,
        metadata: { ...now.metadata, ownerReferences: kept },
      }))
    } catch (error) {
      lines.push({ outcome: 'lost', text: `${labelOf(object)}: its owners: ${messageOf(error)}` })
    }
  }
  return lines
}

const DEVICES = { VirtualDisk: DISKS, VirtualImage: IMAGES, ClusterVirtualImage: CLUSTER_IMAGES } as const

/** What recovered machines name and is not there. */
async function missing(made: readonly Candidate[], { store }: Door): Promise<readonly ReportLine[]> {
  const named = new Map<string, string[]>()
  for (const { resource, object } of made) {
    if (resource !== VMS) continue
    const { namespace = '', name } = object.metadata
    for (const ref of refsOf(object as VirtualMachine)) {
      const key = { resource: ref.resource, namespace: ref.namespaced ? namespace : '', name: ref.name }
      if ((await store.get(key)) !== null) continue
      const what = `${ref.kind} ${ref.namespaced ? `${namespace}/` : ''}${ref.name}`
      named.set(what, [...(named.get(what) ?? []), `${namespace}/${name}`])
    }
  }
  return [...named].map(([what, vms]) => ({
    outcome: 'missing',
    text: `${what} is not on the host: make it again, or restore a backup. Named by the VirtualMachine ${vms.join(', ')}`,
  }))
}

function refsOf({ spec }: VirtualMachine) {
  const { virtualMachineClassName, blockDeviceRefs = [], provisioning } = spec
  const secret = provisioning?.userDataRef?.name
  return [
    { kind: 'VirtualMachineClass', resource: VM_CLASSES, namespaced: false, name: virtualMachineClassName },
    ...blockDeviceRefs.flatMap(({ kind, name }) =>
      kind === undefined || name === undefined
        ? []
        : [{ kind, resource: DEVICES[kind], namespaced: kind !== 'ClusterVirtualImage', name }],
    ),
    ...(secret === undefined ? [] : [{ kind: 'Secret', resource: SECRETS, namespaced: true, name: secret }]),
  ]
}
