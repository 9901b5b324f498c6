// What hosts ask the scheduler to become, stay and no longer be members, and what operators ask for them.
import type { Caller } from '../../lib/apiserver/index.ts'
import type { VirtualKind } from '../../lib/apiserver/virtual.ts'
import { nodeOfUser } from '../../lib/cluster/identity.ts'
import { ApiError, isApiError, messageOf } from '../../lib/errors.ts'
import type { KubeObject } from '../../lib/object.ts'
import { parseListen } from '../../lib/server/listen.ts'
import {
  CERTIFICATE_RENEWAL,
  type CertificatesAnswer,
  DEPARTURE,
  type HostAsk,
  JOIN,
  JOIN_TOKEN,
  type JoinAsk,
  type JoinTokenAnswer,
  type JoinTokenAsk,
} from '../../schemas/cluster/membership.ts'
import { FIRST_ROLE, HOST_LABEL } from '../../schemas/core/node-columns.ts'
import { type ClusterVmStatus, clusterStatusOf, type Node } from '../../schemas/index.ts'
import type { SchedulerConfig } from '../config.ts'
import type { SchedulerCore } from '../core.ts'
import { SCHEDULER_EVENTS } from '../events.ts'
import { DISKS, NODES, VMS } from '../names.ts'
import { serialOf } from './authority.ts'
import type { JoinTokens } from './join-tokens.ts'
import { checkHost, judgeJoin } from './judge.ts'
import { AGENT_URL, CERTIFICATE, MACHINE, urlOfNode } from './node-record.ts'

export function membershipQuestions(core: SchedulerCore, tokens: JoinTokens): readonly VirtualKind[] {
  const members = new Membership(core, tokens)
  return [
    { kind: JOIN, audience: 'joiners', answer: ({ object, caller }) => members.join(asked(object), caller) },
    {
      kind: CERTIFICATE_RENEWAL,
      audience: 'nodes',
      answer: ({ object, caller }) => members.renew(asked(object), caller),
    },
    { kind: DEPARTURE, audience: 'nodes', answer: ({ object, caller }) => members.leave(asked(object), caller) },
    { kind: JOIN_TOKEN, answer: ({ object }) => members.token(asked(object)) },
  ]
}

const asked = <T>(object: KubeObject): T => object as unknown as T

class Membership {
  readonly #core: SchedulerCore
  readonly #tokens: JoinTokens

  constructor(core: SchedulerCore, tokens: JoinTokens) {
    this.#core = core
    this.#tokens = tokens
  }

  async join(ask: JoinAsk, caller: Caller): Promise<Record<string, unknown>> {
    const { clock, version, reader, log, events } = this.#core
    this.#tokens.check(caller)
    judgeJoin(ask, { now: clock.now(), version, nodes: reader.list(NODES) })
    // A request that cannot be signed costs no token.
    const certificates = await this.#certificates(ask)
    await this.#tokens.use(caller, ask.node)
    const before = reader.get<Node>(NODES, { namespace: '', name: ask.node })
    const node = await this.#record(ask, certificates, ask.machine)
    const facts = { node: ask.node, url: ask.url, serial: serialOf(certificates.certificate), version: ask.version }
    log.info(facts, before === null ? 'a host has joined' : 'a host has joined again')
    events.record(node, SCHEDULER_EVENTS.text('NodeJoined', `${ask.node} has joined, its agent is at ${ask.url}`))
    return { ...certificates }
  }

  async renew(ask: HostAsk, caller: Caller): Promise<Record<string, unknown>> {
    ownNode(caller, ask.node)
    checkHost(ask)
    const known = this.#core.reader.get<Node>(NODES, { namespace: '', name: ask.node })
    if (known === null || urlOfNode(known) === null) throw notMember(ask.node)
    const certificates = await this.#certificates(ask)
    await this.#record(ask, certificates, known.metadata.annotations?.[MACHINE] ?? '')
    this.#core.log.info({ node: ask.node, serial: serialOf(certificates.certificate) }, 'a host has a new certificate')
    return { ...certificates }
  }

  async leave({ node }: { readonly node: string }, caller: Caller): Promise<Record<string, unknown>> {
    ownNode(caller, node)
    const { reader, resources, log, events } = this.#core
    const known = reader.get<Node>(NODES, { namespace: '', name: node })
    if (known === null) return { message: `${node} was no member any more` }
    const placed = [VMS, DISKS].map(
      (resource) =>
        reader.list(resource).filter((object) => clusterStatusOf<ClusterVmStatus>(object).placement?.node === node)
          .length,
    )
    if (placed.some((count) => count > 0))
      throw new ApiError(
        'Conflict',
        `${placed[0]} virtual machines and ${placed[1]} disks are on ${node}: move or delete them first (berth drain ${node})`,
      )
    events.record(known, SCHEDULER_EVENTS.text('NodeLeft', `${node} has left the cluster`))
    await resources.delete(NODES, { namespace: '', name: node }, { uid: known.metadata.uid })
    log.info({ node }, 'a host has left')
    return { message: `${node} has left the cluster` }
  }

  async token({ ttlSeconds }: JoinTokenAsk): Promise<Record<string, unknown>> {
    const { config, authority } = this.#core
    const made = await this.#tokens.create(ttlSeconds)
    const answer: JoinTokenAnswer = { ...made, caHash: authority.hash, servers: serversOf(config) }
    return { ...answer }
  }

  async #certificates({ node, url, addresses, csr, qemuCsr }: HostAsk): Promise<CertificatesAnswer> {
    const { authority } = this.#core
    const subject = { node, addresses: [...new Set([...addresses, ...addressIn(url)])] }
    try {
      return {
        certificate: await authority.signNode(csr, subject),
        qemuCertificate: await authority.signQemu(qemuCsr, subject),
        ca: authority.ca,
      }
    } catch (error) {
      throw new ApiError('Invalid', `the request for a certificate cannot be used: ${messageOf(error)}`)
    }
  }

  /** The Node as it is from now on. */
  async #record({ node, url }: HostAsk, { certificate }: CertificatesAnswer, machine: string): Promise<Node> {
    const { resources } = this.#core
    const mine = { [AGENT_URL]: url, [MACHINE]: machine, [CERTIFICATE]: serialOf(certificate) }
    const change = (have: Node): Node => ({
      ...have,
      metadata: { ...have.metadata, annotations: { ...have.metadata.annotations, ...mine } },
    })
    const name = { namespace: '', name: node }
    const known = await resources.modify<Node>(NODES, name, change)
    if (known !== null) return known
    try {
      return await resources.create<Node>(NODES, {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: node, labels: { [HOST_LABEL]: node, ...FIRST_ROLE }, annotations: mine },
      })
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error
      throw new ApiError('Conflict', `another host joins as ${node} at this moment: try again`)
    }
  }
}

/** A host speaks for itself only; the scheduler's own people may speak for it. @throws ApiError Forbidden */
function ownNode({ user }: Caller, node: string): void {
  const name = nodeOfUser(user)
  if (name !== null && name !== node) throw new ApiError('Forbidden', `the host ${name} cannot speak for ${node}`)
}

const notMember = (node: string): ApiError =>
  new ApiError('NotFound', `${node} is no member of this cluster any more: join again with a new token`)

const addressIn = (url: string): readonly string[] => {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '')
  return /^[\d.]+$|:/.test(host) ? [host] : []
}

/** Where hosts find the scheduler: its names, then the addresses that it listens on, but for those that mean this machine alone. */
function serversOf({ names, listen }: SchedulerConfig): readonly string[] {
  const addresses = listen.map(parseListen)
  const [first] = addresses
  if (first === undefined) return []
  const hosts = addresses
    .filter(({ host }) => !/^(127\.|::1$|localhost$|0\.0\.0\.0$|::$)/.test(host))
    .map(({ host, port }) => `https://${host.includes(':') ? `[${host}]` : host}:${port}`)
  const named = names.map((name) => `https://${name.includes(':') ? `[${name}]` : name}:${first.port}`)
  return [...named, ...hosts]
}
