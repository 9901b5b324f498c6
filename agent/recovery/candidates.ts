// From what is found on a host to the objects that it was made by. Pure. Everything found is hostile until the API's schema and rules have
// taken it; here is checked what they cannot know: that a record and what it describes belong together.

import { dirname } from 'node:path'
import { timestamp } from '../../lib/clock.ts'
import { diskOfAlias } from '../../lib/domain/index.ts'
import type { KubeObject, ObjectMeta, OwnerReference } from '../../lib/object.ts'
import { BOUND } from '../../schemas/cluster/bound.ts'
import { CLUSTER_VIRTUAL_IMAGE_KIND } from '../controllers/clustervirtualimage/kind.ts'
import { DISK_FINALIZERS } from '../controllers/virtualdisk/observe.ts'
import { VIRTUAL_IMAGE_KIND } from '../controllers/virtualimage/kind.ts'
import type { DomainView } from '../controllers/virtualmachine/observe.ts'
import { isActive } from '../controllers/virtualmachine/plan.ts'
import type { PowerRecord } from '../controllers/virtualmachine/power.ts'
import { CLUSTER_IMAGES, DISKS, IMAGES, STORAGE_CLASSES, VM_CLEANUP, VMS } from '../names.ts'
import type { DiskRecord } from '../storage/disk-record.ts'
import type { Finds } from './finds.ts'

/** An object that may be made again. */
export interface Candidate {
  readonly resource: string
  readonly object: KubeObject
  /** What the controllers could not find out by looking. */
  readonly status?: object
  /** Kept apart until it is known which of them are there. */
  readonly owners: readonly OwnerReference[]
  /** In words, what of it is lost. */
  readonly lost: readonly string[]
}

export interface Refusal {
  /** A file, a domain. */
  readonly what: string
  readonly why: string
}

export interface Candidates {
  /** Each stage names objects of those before it. */
  readonly stages: readonly (readonly Candidate[])[]
  readonly refusals: readonly Refusal[]
}

export interface CandidateInputs extends Finds {
  readonly stateDir: string
  /** By uid of the machine: inline user data that was found again. */
  readonly userData: ReadonlyMap<string, string>
  readonly now: number
}

const V1ALPHA2 = 'virtualization.deckhouse.io/v1alpha2'
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
/** How a domain's metadata writes inline user data. */
export const DIGEST_PREFIX = 'sha256:'

type Json = Readonly<Record<string, unknown>>
type Found = Candidate | Refusal

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)
const isRefusal = (found: Found): found is Refusal => 'why' in found

export function candidatesOf(inputs: CandidateInputs): Candidates {
  const claimed = inputs.claims.filter(({ uid }) => !inputs.disks.some((disk) => disk.uid === uid))
  const ofClaims = claimed.map((claim) => claimCandidate(claim, inputs))
  const ofDisks = inputs.disks.flatMap((disk) => (disk.state === 'deleting' ? [] : [diskCandidate(disk)]))
  const devices = [...ofClaims, ...ofDisks].flatMap((found) => (isRefusal(found) ? [] : [found]))
  const ofDomains = inputs.domains.map((view) => machineCandidate(view, devices, inputs))
  const found = [...ofClaims, ...ofDisks, ...ofDomains]
  const { kept, doubles } = withoutDoubles(found.flatMap((one) => (isRefusal(one) ? [] : [one])))
  const of = (...resources: readonly string[]) => kept.filter(({ resource }) => resources.includes(resource))
  const classes = storageClasses(inputs.disks, inputs.stateDir)
  return {
    stages: [namespaces(kept), classes.candidates, of(IMAGES, CLUSTER_IMAGES), of(DISKS), of(VMS)],
    refusals: [
      ...inputs.damaged.map((what) => ({ what, why: 'the record cannot be read, or is not of what it lies beside' })),
      ...found.flatMap((one) => (isRefusal(one) ? [one] : [])),
      ...classes.refusals,
      ...doubles,
    ],
  }
}

const KINDS: Readonly<Record<string, { readonly resource: string; readonly finalizer: string }>> = {
  VirtualImage: { resource: IMAGES, finalizer: VIRTUAL_IMAGE_KIND.cleanup },
  ClusterVirtualImage: { resource: CLUSTER_IMAGES, finalizer: CLUSTER_VIRTUAL_IMAGE_KIND.cleanup },
  VirtualDisk: { resource: DISKS, finalizer: DISK_FINALIZERS.cleanup },
}

function claimCandidate(claim: Finds['claims'][number], { stored, stateDir }: CandidateInputs): Found {
  const what = `${stateDir}/images/objects/${claim.uid}.json`
  const found = recordedCandidate(what, claim.uid, claim.object)
  if (isRefusal(found) || stored.has(claim.digest)) return found
  return { ...found, lost: [`its file (digest ${claim.digest}) is missing`] }
}

function diskCandidate(record: DiskRecord): Found {
  const { uid, object } = record
  const what = `the record of the disk ${uid}`
  const found = recordedCandidate(what, uid, object)
  if (isRefusal(found) || found.resource === DISKS) return found
  return { what, why: `the object in it is no VirtualDisk: ${found.object.kind}` }
}

/** The object that was written beside a file. */
function recordedCandidate(what: string, uid: string, object: unknown): Found {
  if (!isJson(object) || !isJson(object.metadata)) return { what, why: 'there is no object in it' }
  const { kind, apiVersion, metadata, spec } = object
  const known = typeof kind === 'string' ? KINDS[kind] : undefined
  if (known === undefined || typeof kind !== 'string') return { what, why: 'the object in it is of another kind' }
  if (metadata.uid !== uid) return { what, why: `the object in it has another uid: ${String(metadata.uid)}` }
  const meta = metaOf(metadata, uid, known.finalizer)
  if (meta === null) return { what, why: 'name, namespace or creation time of the object in it are missing' }
  const { owners, ...rest } = meta
  return {
    resource: known.resource,
    object: { apiVersion: String(apiVersion), kind, metadata: rest, spec },
    owners,
    lost: [],
  }
}

function metaOf(found: Json, uid: string, finalizer: string) {
  const { name, namespace, creationTimestamp, labels, annotations, ownerReferences } = found
  const created = typeof creationTimestamp === 'string' ? Date.parse(creationTimestamp) : Number.NaN
  if (typeof name !== 'string' || Number.isNaN(created)) return null
  if (namespace !== undefined && typeof namespace !== 'string') return null
  const owners = Array.isArray(ownerReferences) ? (ownerReferences as readonly OwnerReference[]) : []
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    uid,
    resourceVersion: '',
    creationTimestamp: timestamp(created),
    finalizers: [finalizer],
    ...(labels === undefined ? {} : { labels: labels as Record<string, string> }),
    ...(annotations === undefined ? {} : { annotations: annotations as Record<string, string> }),
    owners,
  }
}

function machineCandidate(view: DomainView, devices: readonly Candidate[], inputs: CandidateInputs): Found {
  const { observed } = view
  const what = `the domain ${observed.name} (${observed.uuid})`
  const { metadata } = observed
  if (metadata === undefined) return { what, why: 'it does not carry a record of Berth' }
  const { namespace, name, uid, epoch, generation, specJson, startedAt } = metadata
  if (!UUID.test(uid) || uid !== observed.uuid) return { what, why: `its record is of another machine: uid ${uid}` }
  if (observed.name !== `${namespace}.${name}`)
    return { what, why: `its record is of the machine ${namespace}/${name}` }
  const spec = parse(specJson)
  if (spec === null) return { what, why: 'the spec in its record is not JSON' }
  const given = withUserData(spec, inputs.userData.get(uid))
  const started = startedAt === undefined ? Number.NaN : Date.parse(startedAt)
  const meta: ObjectMeta = {
    name,
    namespace,
    uid,
    resourceVersion: '',
    generation: Math.max(1, generation),
    creationTimestamp: timestamp(Number.isNaN(started) ? inputs.now : started),
    finalizers: [VM_CLEANUP],
    // A scheduler's: it starts when that says again that it is here.
    ...(epoch > 0 ? { annotations: { [BOUND]: uid } } : {}),
  }
  return {
    resource: VMS,
    object: { apiVersion: V1ALPHA2, kind: 'VirtualMachine', metadata: meta, spec: given.spec },
    status: machineStatus(view, devices, inputs.bootId),
    owners: [],
    lost: given.lost,
  }
}

/** What a controller could not find out by looking at the domain alone, and what keeps others from its disks until it has looked. */
function machineStatus({ state, observed }: DomainView, devices: readonly Candidate[], bootId: string): object {
  const active = isActive(state)
  const stopped = observed.metadata?.stoppedManually === true
  const power: PowerRecord = {
    ...(stopped && !active ? { marker: 'Stopped', by: 'Operation' } : { ran: true }),
    ...(active ? { bootId } : {}),
  }
  const attached = observed.disks.flatMap(({ alias, target }) => {
    const uid = diskOfAlias(alias)?.uid
    const device = devices.find(({ object }) => object.metadata.uid === uid)?.object
    if (!active || device === undefined) return []
    return [{ kind: device.kind, name: device.metadata.name, attached: true, size: '', target }]
  })
  return {
    phase: active ? 'Running' : 'Stopped',
    ...(attached.length === 0 ? {} : { blockDeviceRefs: attached }),
    berth: { power, ...(observed.machine === '' ? {} : { machineType: observed.machine }) },
  }
}

/** The digest that stands in the record is no user data; without the text itself the machine is to get none. */
function withUserData(spec: Json, text: string | undefined): { readonly spec: Json; readonly lost: readonly string[] } {
  const { provisioning, ...rest } = spec
  if (!isJson(provisioning) || !String(provisioning.userData ?? '').startsWith(DIGEST_PREFIX)) return { spec, lost: [] }
  if (text !== undefined) return { spec: { ...spec, provisioning: { ...provisioning, userData: text } }, lost: [] }
  return { spec: rest, lost: ['its cloud-init user data is not on the host: set spec.provisioning again'] }
}

function parse(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text)
    return isJson(value) ? value : null
  } catch {
    return null
  }
}

const made = (resource: string, object: Omit<KubeObject, 'metadata'> & { readonly name: string }): Candidate => {
  const { name, ...rest } = object
  return { resource, object: { ...rest, metadata: { name } as ObjectMeta }, owners: [], lost: [] }
}

function namespaces(candidates: readonly Candidate[]): readonly Candidate[] {
  const names = new Set(candidates.flatMap(({ object }) => object.metadata.namespace ?? []))
  return [...names].sort().map((name) => made('namespaces', { apiVersion: 'v1', kind: 'Namespace', name }))
}

/** Classes that disks name, with the folder in which these lie. */
function storageClasses(disks: readonly DiskRecord[], stateDir: string) {
  const folders = new Map<string, string>()
  const refusals: Refusal[] = []
  for (const { object, path, uid } of disks) {
    const name = classNameIn(object)
    const folder = dirname(dirname(path))
    if (name === null) continue
    const known = folders.get(name)
    if (known !== undefined && known !== folder)
      refusals.push({
        what: `the StorageClass ${name}`,
        why: `its disks lie in ${known} and ${folder} (${uid}): made with the first`,
      })
    else folders.set(name, folder)
  }
  const candidates = [...folders].map(([name, path]) =>
    made(STORAGE_CLASSES, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      name,
      provisioner: 'berth/dir',
      ...(path === stateDir ? {} : { parameters: { path } }),
    } as Omit<KubeObject, 'metadata'> & { readonly name: string }),
  )
  return { candidates, refusals }
}

function classNameIn(object: unknown): string | null {
  const spec = isJson(object) ? object.spec : null
  const claim = isJson(spec) ? spec.persistentVolumeClaim : null
  const name = isJson(claim) ? claim.storageClassName : null
  return typeof name === 'string' && name !== '' ? name : null
}

/** Two finds with one name, or one uid: the first is taken. */
function withoutDoubles(found: readonly Candidate[]) {
  const taken = new Set<string>()
  const kept: Candidate[] = []
  const doubles: Refusal[] = []
  for (const candidate of found) {
    const { namespace = '', name, uid } = candidate.object.metadata
    const keys = [`${candidate.resource} ${namespace}/${name}`, `uid ${uid}`]
    const double = keys.find((key) => taken.has(key))
    if (double !== undefined) {
      doubles.push({ what: labelOf(candidate.object), why: `another find has the same ${double}` })
      continue
    }
    for (const key of keys) taken.add(key)
    kept.push(candidate)
  }
  return { kept, doubles }
}

/** `VirtualDisk default/web (uid)`. */
export const labelOf = ({ kind, metadata: { namespace, name, uid } }: KubeObject): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}${uid ? ` (${uid})` : ''}`
