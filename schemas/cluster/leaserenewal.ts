// A host's sign of life to the scheduler, every 5 s. Asked, not stored.
// The lease is counted by the host from the moment at which it sent the question, on the clock that no step of the time of day moves.
import Type from 'typebox'
import type { KindDef } from '../kind.ts'
import { Choice, type DeepReadonly, Name } from '../shapes.ts'
import { isShared, type StorageClass } from '../storageclass/schema.ts'
import { CLUSTER_GROUP } from './hostbinding.ts'

/** The host asks so often. */
export const RENEW_EVERY_MS = 5_000
/** What one answer gives. */
export const LEASE_SECONDS = 15

/**
 * What a host can show for machines that were `fenced` in its last renewal being dead when its lease ran out. `timeout`: its own clock ends
 * them `seconds` after the end of the lease. `watchdog`: as long after it at the latest they were ended, or the kernel's watchdog has reset the
 * host.
 */
export const EVIDENCE_KINDS = ['timeout', 'watchdog'] as const

/** More of them are not told. */
export const MAX_OTHERS = 20

const Ask = Type.Object({
  node: Name(),
  bootId: Type.String({ minLength: 1, description: 'Of the host: another one after each boot.' }),
  sentAt: Type.Optional(
    Type.Integer({
      minimum: 0,
      default: 0,
      description: 'Boot clock of the host, ms: tells the later of two questions.',
    }),
  ),
  machines: Type.Optional(
    Type.Array(
      Type.Object({
        uid: Name(),
        epoch: Type.Integer({ minimum: 1 }),
        fenced: Type.Optional(
          Type.Boolean({
            default: false,
            description:
              'What `evidence` says holds for this machine: it is among those that are ended with the lease.',
          }),
        ),
      }),
      {
        default: [],
        description: 'Machines that the host may not start before the scheduler says again that they are its own.',
      },
    ),
  ),
  evidence: Type.Optional(
    Type.Array(
      Type.Object({
        kind: Choice(EVIDENCE_KINDS),
        seconds: Type.Integer({ minimum: 0, description: 'After the end of the lease.' }),
        whole: Type.Optional(
          Type.Boolean({
            default: false,
            description: 'The host is reset in any case: nothing at all runs there then.',
          }),
        ),
      }),
      { default: [] },
    ),
  ),
  others: Type.Optional(
    Type.Array(Type.String(), {
      maxItems: MAX_OTHERS,
      default: [],
      description: "`namespace/name` of running machines of the host's own, of which the scheduler has no object.",
    }),
  ),
})

export type LeaseAsk = Required<DeepReadonly<Type.Static<typeof Ask>>>
export type LeaseEvidence = LeaseAsk['evidence'][number]

export interface LeaseAnswer {
  /** The lease holds so long, from when the question was sent. */
  readonly leaseSeconds: number
  /** Those of `machines` that are this host's by the epoch that it named. */
  readonly confirmed: readonly string[]
  /** Which scheduler answered. */
  readonly instance: string
  readonly term: number
  /** Storage classes of the cluster: the host looks at their folders, and tells of them in its Node. */
  readonly storageClasses?: readonly ToldClass[]
}

export interface ToldClass {
  readonly name: string
  /** Absent: the host's state folder. */
  readonly path?: string
  readonly shared: boolean
}

export const toldClass = (storageClass: StorageClass): ToldClass => {
  const path = storageClass.parameters?.path
  return {
    name: storageClass.metadata.name,
    ...(path === undefined ? {} : { path }),
    shared: isShared(storageClass),
  }
}

export const LEASE_RENEWAL: KindDef = {
  group: CLUSTER_GROUP,
  kind: 'LeaseRenewal',
  plural: 'leaserenewals',
  singular: 'leaserenewal',
  shortNames: [],
  categories: [],
  namespaced: false,
  resource: `leaserenewals.${CLUSTER_GROUP}`,
  versions: [
    {
      name: 'v1',
      schema: Type.Object({
        ...Ask.properties,
        leaseSeconds: Type.Optional(Type.Integer({ description: 'Answer.' })),
        confirmed: Type.Optional(Type.Array(Type.String(), { description: 'Answer.' })),
        instance: Type.Optional(Type.String({ description: 'Answer: the scheduler.' })),
        term: Type.Optional(Type.Integer({ description: 'Answer: its term.' })),
        storageClasses: Type.Optional(
          Type.Array(Type.Object({ name: Name(), path: Type.Optional(Type.String()), shared: Type.Boolean() }), {
            description: 'Answer: storage classes of the cluster.',
          }),
        ),
      }),
      columns: [],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: () => null,
  rules: [],
}
