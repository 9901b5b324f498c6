// What the host that a machine leaves asks of the host that it goes to. Asked, not stored; the caller must be that very host, by its
// certificate, or the scheduler. What libvirt's two sides have to tell each other goes through here: no libvirtd listens.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import type { KindDef } from '../kind.ts'
import { Choice, Name, Open } from '../shapes.ts'
import { CLUSTER_GROUP, MIGRATION_PHASES, type MigrationPhase } from './hostbinding.ts'

export const HANDOVER_ASKS = ['manifest', 'prepare', 'load', 'finish', 'lost', 'abort', 'state'] as const

/** A cookie has some kilobytes; what is sent must fit a request of 3 MiB. */
const MAX_BASE64 = 1_398_104
const MAX_XML = 1_048_576
const Base64 = { maxLength: MAX_BASE64, pattern: '^[A-Za-z0-9+/]*={0,2}$' }

export interface HandoverAsk {
  /** Of the machine: the name of its binding. */
  readonly uid: string
  /** Of the migration. */
  readonly id: string
  /**
   * manifest: what the machine is made of (asked by the target before it prepares). prepare: start the QEMU that waits for the guest. load: the
   * last of the guest comes or has come, have it ready; nothing is decided. finish: all of the guest was sent, decide. abort: the guest
   * stays where it was, unless it was decided otherwise already. lost: in post-copy, the source's QEMU is gone, and what has not come will not. state: tell.
   */
  readonly ask: (typeof HANDOVER_ASKS)[number]
  /** libvirt's, base64. */
  readonly cookie?: string
  /** prepare: the domain as the source has it. */
  readonly xml?: string
  /** finish: how long the guest has been stopped, in ms; not there when the source does not know. */
  readonly pausedMs?: number
  /** finish: how long ago the transfer began, in ms. */
  readonly sinceMs?: number
}

export interface HandoverAnswer {
  /** What the target has decided, and what it has come to. Only Committed and Failed are decisions. */
  readonly phase: MigrationPhase
  readonly reason?: string
  readonly message?: string
  /** prepare: where to send the guest, as libvirt's migration URI. */
  readonly address?: string
  readonly cookie?: string
  /** manifest: of the running machine. */
  readonly manifest?: HandoverManifest
}

export interface HandoverManifest {
  /** libvirt's XML of the running domain, as it goes to another host. */
  readonly xml: string
  readonly disks: readonly { readonly uid: string; readonly sizeBytes: string; readonly base: string | null }[]
  /** Images that are attached as they are, with the object that each belongs to. */
  readonly images: readonly { readonly uid: string; readonly digest: string; readonly object: unknown }[]
}

export type MigrationHandover = KubeObject & HandoverAsk & Partial<HandoverAnswer>

export const MIGRATION_HANDOVER: KindDef = {
  group: CLUSTER_GROUP,
  kind: 'MigrationHandover',
  plural: 'migrationhandovers',
  singular: 'migrationhandover',
  shortNames: [],
  categories: [],
  namespaced: false,
  resource: `migrationhandovers.${CLUSTER_GROUP}`,
  versions: [
    {
      name: 'v1',
      schema: Type.Object({
        uid: Name(),
        id: Type.String({ minLength: 1, maxLength: 253 }),
        ask: Choice(HANDOVER_ASKS),
        cookie: Type.Optional(Type.String(Base64)),
        xml: Type.Optional(Type.String({ maxLength: MAX_XML })),
        pausedMs: Type.Optional(Type.Number({ minimum: 0 })),
        sinceMs: Type.Optional(Type.Number({ minimum: 0 })),
        phase: Type.Optional(Choice(MIGRATION_PHASES)),
        reason: Type.Optional(Type.String({ description: 'Answer.' })),
        message: Type.Optional(Type.String({ description: 'Answer.' })),
        address: Type.Optional(Type.String({ description: 'Answer to prepare.' })),
        manifest: Type.Optional(Open({ description: 'Answer to manifest.' })),
      }),
      columns: [],
    },
  ],
  storageVersion: 'v1',
  hasStatus: false,
  checkName: () => null,
  rules: [],
}
