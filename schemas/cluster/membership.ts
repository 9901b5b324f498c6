// How a host joins a cluster, keeps its certificates and leaves: questions, not stored. Of a scheduler: Join, CertificateRenewal, Departure,
// JoinToken. Of an agent, for whoever may do everything on its host: JoinRequest, LeaveRequest.
import Type from 'typebox'
import type { KubeObject } from '../../lib/object.ts'
import type { KindDef } from '../kind.ts'
import { type DeepReadonly, Name, Time } from '../shapes.ts'
import { CLUSTER_GROUP } from './hostbinding.ts'

/** A host's clock may be off by so much against the scheduler's. */
export const MAX_CLOCK_SKEW_SECONDS = 300

const MAX_PEM = 16_384
const request = (description: string) => Type.String({ minLength: 1, maxLength: MAX_PEM, description })
const answer = (description: string) => Type.Optional(Type.String({ description: `Answer: ${description}` }))

const Host = {
  node: Name(),
  url: Type.String({
    pattern: '^https://[^/]+$',
    maxLength: 300,
    description: 'Where others find the agent: https://ADDRESS:PORT.',
  }),
  addresses: Type.Array(Type.String({ minLength: 2, maxLength: 45 }), {
    maxItems: 64,
    description: 'Addresses of the host that its certificate shall name.',
  }),
  version: Type.String({ minLength: 1, maxLength: 64, description: 'Of the agent.' }),
  csr: request('PKCS #10 in PEM; its key never leaves the host.'),
  qemuCsr: request("Likewise, for what the host's QEMUs show each other when a machine moves."),
}

const Certificates = {
  certificate: answer('PEM of the certificate.'),
  qemuCertificate: answer('PEM of that for QEMU.'),
  ca: answer('PEM of the authority of the cluster.'),
}

const JoinAsk = Type.Object({
  ...Host,
  machine: Type.String({
    minLength: 1,
    maxLength: 128,
    description: 'Machine id: the same after each boot, no other machine has it.',
  }),
  time: Type.Unsafe<string>({ ...Time(), description: "The host's clock." }),
})
const RenewalAsk = Type.Object(Host)
const DepartureAsk = Type.Object({ node: Name() })
const JoinTokenAsk = Type.Object({
  ttlSeconds: Type.Integer({
    minimum: 60,
    maximum: 7 * 86_400,
    description: 'The token is good for so long, for one host.',
  }),
})
const JoinRequestAsk = Type.Object({
  server: Type.String({
    pattern: '^https://[^/]+$',
    maxLength: 300,
    description: 'Of the scheduler: https://HOST:8751.',
  }),
  token: Type.String({ minLength: 1, maxLength: 1_024 }),
  caHash: Type.String({
    pattern: '^sha256:[0-9a-f]{64}$',
    description: 'SHA-256 of the certificate of the cluster’s authority.',
  }),
})
const LeaveRequestAsk = Type.Object({
  force: Type.Optional(
    Type.Boolean({ default: false, description: 'Also when the scheduler does not answer or refuses.' }),
  ),
})

export type HostAsk = DeepReadonly<Type.Static<typeof RenewalAsk>>
export type JoinAsk = DeepReadonly<Type.Static<typeof JoinAsk>>
export type JoinTokenAsk = DeepReadonly<Type.Static<typeof JoinTokenAsk>>
export type JoinRequestAsk = DeepReadonly<Type.Static<typeof JoinRequestAsk>>
export type LeaveRequestAsk = DeepReadonly<Type.Static<typeof LeaveRequestAsk>>

export interface CertificatesAnswer {
  readonly certificate: string
  readonly qemuCertificate: string
  readonly ca: string
}

export interface JoinTokenAnswer {
  readonly token: string
  readonly expirationTimestamp: string
  readonly caHash: string
  /** Where hosts find the scheduler, the best one first; empty when it listens on loopback only. */
  readonly servers: readonly string[]
}

export interface MembershipAnswer {
  readonly node: string
  readonly server: string
  /** In words, what was done. */
  readonly message: string
}

export type Asked<Ask, Answer> = KubeObject & Ask & Partial<Answer>

const asked = (kind: string, ask: Type.TObject, answers: Type.TProperties): KindDef => {
  const plural = `${kind.toLowerCase()}s`
  return {
    group: CLUSTER_GROUP,
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames: [],
    categories: [],
    namespaced: false,
    resource: `${plural}.${CLUSTER_GROUP}`,
    versions: [{ name: 'v1', schema: Type.Object({ ...ask.properties, ...answers }), columns: [] }],
    storageVersion: 'v1',
    hasStatus: false,
    checkName: () => null,
    rules: [],
  }
}

const Membership = { message: answer('what was done.') }

export const JOIN = asked('Join', JoinAsk, Certificates)
export const CERTIFICATE_RENEWAL = asked('CertificateRenewal', RenewalAsk, Certificates)
export const DEPARTURE = asked('Departure', DepartureAsk, Membership)
export const JOIN_TOKEN = asked('JoinToken', JoinTokenAsk, {
  token: answer('shown only now.'),
  expirationTimestamp: answer('end of the token.'),
  caHash: answer('SHA-256 of the certificate of the cluster’s authority.'),
  servers: Type.Optional(Type.Array(Type.String(), { description: 'Answer: where hosts find the scheduler.' })),
})
export const JOIN_REQUEST = asked('JoinRequest', JoinRequestAsk, { ...Membership, node: answer('name of the host.') })
export const LEAVE_REQUEST = asked('LeaveRequest', LeaveRequestAsk, {
  ...Membership,
  node: answer('name of the host.'),
  server: answer('the scheduler that it left.'),
})
