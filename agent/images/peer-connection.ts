// One request to another host's agent for image content: mutual TLS, the peer known by its name in the cluster, faults in words.
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { PeerCertificate } from 'node:tls'
import { nodeServerName } from '../../lib/cluster/identity.ts'
import { contentPath, SOURCE_FORMAT_HEADER } from './content-path.ts'
import { transport } from './errors.ts'

/** What this host shows to others of its cluster, and how it knows them. PEM. */
export interface PeerTls {
  readonly key: string
  readonly cert: string
  /** Authority of the cluster. */
  readonly ca: string
}

/** An agent that has the content. */
export interface ImageSource {
  readonly node: string
  /** `https://ADDRESS:PORT`. */
  readonly url: string
}

export interface PeerAnswer {
  /** Bytes of the whole content, as the peer says. */
  readonly total: number
  /** What the image was when it came into the cluster, as the peer says; undefined when it does not. */
  readonly sourceFormat: string | undefined
  /** From the offset that was asked for. */
  readonly body: IncomingMessage
}

export interface PeerAsk {
  readonly source: ImageSource
  readonly digest: string
  readonly offset: number
  readonly tls: PeerTls
  /** Milliseconds for the connection and the head of the answer. */
  readonly headMs: number
  readonly signal: AbortSignal
}

const MAX_WORDS = 2_048

/** The user of a host's certificate. */
export const nodeUser = (node: string): string => `system:node:${node}`

/** Another host at that address, or none of the cluster: its certificate says so whatever the address is. */
export const checkPeer = (node: string, { subject }: Pick<PeerCertificate, 'subject'>): Error | undefined => {
  const name: unknown = subject?.CN
  return name === nodeUser(node)
    ? undefined
    : new Error(`its certificate is of ${typeof name === 'string' ? name : 'nobody'}, not of ${nodeUser(node)}`)
}

/** @throws ImportError that says what the peer did; the reason of the signal */
export async function askPeer({ source, digest, offset, tls, headMs, signal }: PeerAsk): Promise<PeerAnswer> {
  const inTime = AbortSignal.timeout(headMs)
  const both = AbortSignal.any([signal, inTime])
  const response = await send(source, digest, offset, tls, signal, both).catch((error: unknown) => {
    if (signal.aborted) throw signal.reason
    if (inTime.aborted) throw transport(`it did not answer within ${headMs / 1000} s`, { cause: error })
    throw transport(wordsOf(error), { cause: error })
  })
  try {
    return judge(response, offset)
  } catch (error) {
    const words = response.statusCode === 200 || response.statusCode === 206 ? '' : await saidBy(response)
    response.on('error', () => {}).destroy()
    throw words === '' ? error : transport(`${messageIn(error)}: ${words}`, { cause: error })
  }
}

function send(
  { node, url }: ImageSource,
  digest: string,
  offset: number,
  { key, cert, ca }: PeerTls,
  signal: AbortSignal,
  untilHead: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const target = new URL(contentPath(digest), url)
    if (target.protocol !== 'https:') throw new Error(`${url} is not an https URL`)
    const asked = request(target, {
      key,
      cert,
      ca,
      servername: nodeServerName(node),
      minVersion: 'TLSv1.2',
      // Known by its name in the cluster, not by its address.
      checkServerIdentity: (_host, certificate) => checkPeer(node, certificate),
      agent: false,
      signal,
      headers: { 'accept-encoding': 'identity', ...(offset > 0 ? { range: `bytes=${offset}-` } : {}) },
    })
    const late = () => void asked.destroy(new Error('late'))
    untilHead.addEventListener('abort', late, { once: true })
    asked.once('error', reject)
    asked.once('response', (response) => {
      untilHead.removeEventListener('abort', late)
      // Of a fault in the body its reader hears.
      asked.on('error', () => {})
      resolve(response)
    })
    asked.end()
  })
}

/** @throws ImportError */
function judge(response: IncomingMessage, offset: number): PeerAnswer {
  const { statusCode, headers } = response
  const sourceFormat = headers[SOURCE_FORMAT_HEADER]
  const said = typeof sourceFormat === 'string' ? sourceFormat : undefined
  if (statusCode === 200 && offset === 0) {
    const length = headers['content-length'] ?? ''
    if (!/^\d{1,15}$/.test(length)) throw transport('it did not say how long the content is')
    return { total: Number(length), sourceFormat: said, body: response }
  }
  if (statusCode === 206) {
    const [, from, total] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(headers['content-range'] ?? '') ?? []
    if (Number(from) !== offset || total === undefined) throw transport('it sent another part than it was asked for')
    return { total: Number(total), sourceFormat: said, body: response }
  }
  throw transport(statusCode === 200 ? 'it cannot send a part of the content' : `it answered ${statusCode}`)
}

/** The message of a `Status`. */
async function saidBy(response: IncomingMessage): Promise<string> {
  let text = ''
  try {
    for await (const chunk of response) {
      text += String(chunk)
      if (text.length > MAX_WORDS) return ''
    }
    const { message } = JSON.parse(text) as { readonly message?: unknown }
    return typeof message === 'string' ? message : ''
  } catch {
    return ''
  }
}

const messageIn = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function wordsOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  switch (code) {
    case 'ECONNREFUSED':
      return 'it refused the connection'
    case 'ECONNRESET':
    case 'EPIPE':
      return 'it closed the connection'
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'there is no way to it'
    default:
      return messageIn(error)
  }
}
