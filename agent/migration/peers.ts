// One question to the agent of the host that a machine goes to: mutual TLS, the peer known by its name in the cluster. The connection stays
// for the next one: while the guest is paused no time is lost for another handshake.
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { nodeServerName } from '../../lib/cluster/identity.ts'
import { ApiError, messageOf, STATUS_CODES, type StatusReason } from '../../lib/errors.ts'
import { CLUSTER_GROUP, type HandoverAnswer, type HandoverAsk, MIGRATION_HANDOVER } from '../../schemas/index.ts'
import { checkPeer, type PeerTls } from '../images/peer-connection.ts'

export interface Peer {
  readonly node: string
  /** `https://ADDRESS:PORT`. */
  readonly url: string
}

export interface Peers {
  /** @throws PeerSilent when it is not known whether it was heard, ApiError when the peer refuses */
  ask(
    peer: Peer,
    ask: HandoverAsk,
    options: { readonly signal: AbortSignal; readonly timeoutMs: number },
  ): Promise<HandoverAnswer>
}

/** It did not answer, or not in a form that can be believed. */
export class PeerSilent extends Error {
  override readonly name = 'PeerSilent'
}

const PATH = `/apis/${CLUSTER_GROUP}/v1/${MIGRATION_HANDOVER.plural}`
/** As large as a request may be. */
const MAX_BYTES = 3_145_728

/** What a connection ends with that the peer had given up before it was asked. */
const GIVEN_UP: readonly unknown[] = ['ECONNRESET', 'EPIPE']

/** `tls`: null while this host is in no cluster. Asked for each connection: certificates are renewed. */
export function httpsPeers(tls: () => PeerTls | null): Peers {
  // By peer and certificate. No sessions are resumed: each connection shows who is at its ends.
  const connections = new Agent({ keepAlive: true, maxCachedSessions: 0 })
  return {
    ask: async (peer, ask, { signal, timeoutMs }) => {
      const material = tls()
      if (material === null) throw new PeerSilent('this host has no certificate of the cluster')
      const inTime = AbortSignal.timeout(timeoutMs)
      const both = AbortSignal.any([signal, inTime])
      const question = { peer, ask, material, signal: both }
      try {
        const response = await post(question, connections)
        return answerOf(response.statusCode ?? 0, await textOf(response))
      } catch (error) {
        if (signal.aborted) throw signal.reason
        if (error instanceof ApiError) throw error
        const why = inTime.aborted ? `it did not answer within ${timeoutMs / 1000} s` : messageOf(error)
        throw new PeerSilent(`${peer.node} (${peer.url}): ${why}`, { cause: error })
      }
    },
  }
}

interface Question {
  readonly peer: Peer
  readonly ask: HandoverAsk
  readonly material: PeerTls
  readonly signal: AbortSignal
}

function post(question: Question, connections: Agent | false): Promise<IncomingMessage> {
  const { peer, ask, material, signal } = question
  const { key, cert, ca } = material
  return new Promise((resolve, reject) => {
    const target = new URL(PATH, peer.url)
    if (target.protocol !== 'https:') throw new Error(`${peer.url} is not an https URL`)
    const body = JSON.stringify({ apiVersion: `${CLUSTER_GROUP}/v1`, kind: MIGRATION_HANDOVER.kind, ...ask })
    const asked = request(target, {
      method: 'POST',
      key,
      cert,
      ca,
      minVersion: 'TLSv1.2',
      // Its certificate of the cluster, not the one for users; known by its name in the cluster, not by its address.
      servername: nodeServerName(peer.node),
      checkServerIdentity: (_host, certificate) => checkPeer(peer.node, certificate),
      agent: connections,
      signal,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    })
    asked.once('error', (error: NodeJS.ErrnoException) => {
      // Kept too long: asked anew. One that was heard all the same is answered by what was decided then.
      const isOld = connections !== false && asked.reusedSocket && GIVEN_UP.includes(error.code)
      if (isOld && !signal.aborted) resolve(post(question, false))
      else reject(error)
    })
    asked.once('response', resolve)
    asked.end(body)
  })
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length
    if (bytes > MAX_BYTES) throw new Error('its answer is too long')
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** @throws ApiError when the peer refuses, Error when that is no answer */
function answerOf(status: number, text: string): HandoverAnswer {
  const body = JSON.parse(text) as Partial<HandoverAnswer> & { readonly reason?: string; readonly message?: string }
  if (status === 201 && typeof body.phase === 'string') return body as HandoverAnswer
  if (isReason(body.reason)) throw new ApiError(body.reason, body.message ?? 'it refuses')
  throw new Error(`it answered ${status}${typeof body.message === 'string' ? `: ${body.message}` : ''}`)
}

const isReason = (reason: string | undefined): reason is StatusReason =>
  reason !== undefined && Object.hasOwn(STATUS_CODES, reason)
