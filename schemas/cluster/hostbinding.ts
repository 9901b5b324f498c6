// HostBinding: a scheduler's word to one host about one object that it shall have. The scheduler writes it, the host's agent answers in
// its status. It stays, with role Released, as the memory of the highest epoch until the object is gone everywhere.
import Type from 'typebox'
import type { FieldError } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { AGE, column } from '../columns.ts'
import { forbidden, ruleOf, when } from '../errors.ts'
import type { KindDef } from '../kind.ts'
import { dnsSubdomain } from '../names.ts'
import { Choice, Conditions, type DeepReadonly, Int64, Name, NullableTime, Open } from '../shapes.ts'

export const CLUSTER_GROUP = 'cluster.berth'

/** Object that a binding speaks of. */
const Subject = Type.Object({
  resource: Type.String({
    minLength: 1,
    description: 'GroupResource text: virtualmachines.virtualization.deckhouse.io',
  }),
  namespace: Type.Optional(Type.String({ default: '', description: 'Empty for cluster-scoped kinds.' })),
  name: Name(),
  uid: Name(),
})

/** Which scheduler speaks; see docs/cluster.md, "One scheduler". */
const Ruler = Type.Object({
  instance: Type.String({ minLength: 1, description: 'Of the process; another one after each start.' }),
  term: Type.Integer({ minimum: 1, description: 'Higher at each start; a host obeys the highest that it has seen.' }),
  revision: Type.String({ pattern: '^[0-9]{1,19}$', description: "The store's revision at which this was decided." }),
})

/** Where an image's content can be had. */
const Source = Type.Object({
  node: Name(),
  url: Type.String({ minLength: 1, description: 'https://ADDRESS:PORT of its agent.' }),
})

const Image = Type.Object({
  digest: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the stored file.' }),
  sources: Type.Array(Source, { description: 'Agents that have the content, the best one first.' }),
})

const Peer = Type.Object({ node: Name(), url: Type.String({ minLength: 1 }) })

const Options = Type.Object({
  autoConverge: Type.Optional(Type.Boolean({ default: false })),
  postCopy: Type.Optional(Type.Boolean({ default: false })),
  parallelConnections: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 255, default: 0, description: '0: one connection.' }),
  ),
  bandwidthMiBps: Type.Optional(Type.Integer({ minimum: 0, default: 640, description: '0: no cap. DVP: 640.' })),
  completionTimeoutSecondsPerGiB: Type.Optional(Type.Integer({ minimum: 1, default: 800 })),
  progressTimeoutSeconds: Type.Optional(Type.Integer({ minimum: 1, default: 150 })),
})

const Migration = Type.Object({
  id: Type.String({ minLength: 1, description: 'Uid of the operation.' }),
  side: Choice(['Source', 'Target']),
  peer: Peer,
  /** Epoch of the machine at the target once it is committed. */
  epoch: Type.Integer({ minimum: 1 }),
  /** Source only: the target is prepared, go. */
  go: Type.Optional(Type.Boolean({ default: false })),
  cancel: Type.Optional(Type.Boolean({ default: false })),
  /** What holds where the target cannot be asked; as in the scheduler's record. */
  resolution: Type.Optional(Choice(['KeepSource', 'KeepTarget', 'StartAnew'])),
  options: Options,
})

const Spec = Type.Object({
  subject: Subject,
  epoch: Type.Integer({
    minimum: 1,
    description: 'Higher at every change of host. A host refuses a lower one than it knows.',
  }),
  role: Choice(['Owner', 'Target', 'Released']),
  deleted: Type.Optional(
    Type.Boolean({ default: false, description: 'The object is being deleted: so shall the copy be.' }),
  ),
  failover: Type.Optional(
    Type.Boolean({ default: false, description: 'The machine ends when the lease of its host does.' }),
  ),
  image: Type.Optional(Image),
  migration: Type.Optional(Migration),
  ruler: Ruler,
})

export const MIGRATION_PHASES = [
  'Preparing',
  'Prepared',
  'Transferring',
  'Finishing',
  'Committed',
  'Cleaned',
  'Failed',
] as const

const Progress = Type.Object(
  {
    percent: Type.Optional(Type.Integer()),
    totalBytes: Type.Optional(Type.Integer()),
    remainingBytes: Type.Optional(Type.Integer()),
    throttlePercent: Type.Optional(Type.Integer()),
    iteration: Type.Optional(Type.Integer()),
    downtimeMs: Type.Optional(Type.Integer()),
    totalMs: Type.Optional(Type.Integer()),
  },
  { 'x-kubernetes-preserve-unknown-fields': true },
)

const MigrationStatus = Type.Object({
  id: Type.String(),
  phase: Choice(MIGRATION_PHASES),
  reason: Type.Optional(Type.String()),
  message: Type.Optional(Type.String()),
  /** Of the target: where its QEMU listens, numeric. */
  address: Type.Optional(Type.String()),
  /** Of the target: uids of disks that it made for the machine, and that go unless the machine comes. Also after the binding was released. */
  made: Type.Optional(Type.Array(Type.String())),
  startTime: Type.Optional(NullableTime()),
  endTime: Type.Optional(NullableTime()),
  progress: Type.Optional(Progress),
})

const Status = Type.Object(
  {
    /** Accepted: its objects are here as asked. Refused is never stored: the write is. Released: nothing of it is left here but this. */
    phase: Type.Optional(Choice(['Pending', 'Accepted', 'Releasing', 'Released'])),
    epoch: Type.Optional(Int64({ description: 'The highest ever obeyed; never lower again.' })),
    observedGeneration: Type.Optional(Int64()),
    migration: Type.Optional(MigrationStatus),
    conditions: Type.Optional(Conditions()),
  },
  { 'x-kubernetes-preserve-unknown-fields': true },
)

export type HostBindingSpec = DeepReadonly<Type.Static<typeof Spec>>
export type HostBindingStatus = DeepReadonly<Type.Static<typeof Status>>
export type BindingImage = NonNullable<HostBindingSpec['image']>
export type BindingMigration = NonNullable<HostBindingSpec['migration']>
export type BindingMigrationStatus = NonNullable<HostBindingStatus['migration']>
export type MigrationPhase = (typeof MIGRATION_PHASES)[number]
export type Ruler = HostBindingSpec['ruler']

export interface HostBinding extends KubeObject {
  readonly spec: HostBindingSpec
  /** Storage versions: the subject first, then all that it refers to. */
  readonly objects?: readonly KubeObject[]
  readonly status?: HostBindingStatus
}

const old = (before: KubeObject | null): HostBindingSpec | null => (before as HostBinding | null)?.spec ?? null

/** A binding is of one object for ever; its name is the object's uid. */
export const subjectIsFixed = ({ spec, metadata }: HostBinding, before: HostBinding | null): readonly FieldError[] => [
  ...when(metadata.name !== spec.subject.uid, () => forbidden('metadata.name', 'must be the uid of the subject')),
  ...when(before !== null && JSON.stringify(old(before)?.subject) !== JSON.stringify(spec.subject), () =>
    forbidden('spec.subject', 'is immutable'),
  ),
]

export const HOST_BINDING: KindDef = {
  group: CLUSTER_GROUP,
  kind: 'HostBinding',
  plural: 'hostbindings',
  singular: 'hostbinding',
  shortNames: ['hb'],
  categories: [],
  namespaced: false,
  resource: `hostbindings.${CLUSTER_GROUP}`,
  versions: [
    {
      name: 'v1',
      schema: Type.Object({
        spec: Spec,
        objects: Type.Optional(Type.Array(Open<KubeObject>())),
        status: Type.Optional(Status),
      }),
      columns: [
        column('Kind', '.spec.subject.resource'),
        column('Namespace', '.spec.subject.namespace'),
        column('Object', '.spec.subject.name'),
        column('Role', '.spec.role'),
        column('Epoch', '.spec.epoch', 'integer'),
        column('Phase', '.status.phase'),
        column('Migration', '.status.migration.phase'),
        AGE,
      ],
    },
  ],
  storageVersion: 'v1',
  hasStatus: true,
  checkName: dnsSubdomain,
  rules: [ruleOf(subjectIsFixed)],
  secretFields: ['objects'],
}
