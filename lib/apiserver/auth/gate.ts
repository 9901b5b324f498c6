// Who may come in: by listener, Host, Origin and token, before anything else of a request is looked at.
import type { IncomingMessage } from 'node:http'
import { isIP, Socket } from 'node:net'
import { hostname } from 'node:os'
import { ApiError } from '../../errors.ts'
import type { Caller } from '../http/router.ts'

export interface TokenCheck {
  /** The user of a bearer token, or null. Takes the same time for every wrong token. */
  userOf(token: string): string | null
}

export type ListenerKind = 'unix' | 'tls'

export interface GateOptions {
  readonly tokens: TokenCheck | undefined
  readonly hostNames: readonly string[]
}

/** Longest bearer token looked at. */
const MAX_TOKEN = 1024

export class Gate {
  readonly #tokens: TokenCheck | undefined
  readonly #names: ReadonlySet<string>
  readonly #sockets = new WeakMap<Socket, ListenerKind>()

  constructor({ tokens, hostNames }: GateOptions) {
    this.#tokens = tokens
    this.#names = new Set(['localhost', hostname(), ...hostNames].map((name) => name.toLowerCase()))
  }

  /** Listeners tell here which connections are theirs; a connection of nobody is refused. */
  register(socket: Socket, kind: ListenerKind): void {
    this.#sockets.set(socket, kind)
  }

  /** @throws ApiError Unauthorized, Forbidden */
  admit(request: IncomingMessage): Caller {
    // Injected requests (tests, code of this process) have no real socket.
    if (!(request.socket instanceof Socket)) return { user: 'in-process', client: 'in-process' }
    const kind = this.#sockets.get(request.socket)
    if (kind === undefined) throw new ApiError('Forbidden', 'the connection came over no listener of this server')
    this.#checkOrigin(request, kind)
    if (kind === 'unix') return { user: 'unix', client: 'unix' }
    this.#checkHost(request.headers.host)
    return { user: this.#user(request.headers.authorization), client: request.socket.remoteAddress ?? 'unknown' }
  }

  /** A browser says where its script came from; only a page of this very server may call. */
  #checkOrigin({ headers }: IncomingMessage, kind: ListenerKind): void {
    if (headers.origin === undefined) return
    if (
      kind === 'tls' &&
      headers.host !== undefined &&
      headers.origin.toLowerCase() === `https://${headers.host.toLowerCase()}`
    )
      return
    throw new ApiError('Forbidden', 'requests from web pages of another origin are refused')
  }

  /** Against DNS rebinding: a name that is not ours can be made to point here, an address cannot. */
  #checkHost(host: string | undefined): void {
    const name = host === undefined ? '' : hostName(host)
    if (isIP(name) !== 0 || this.#names.has(name)) return
    throw new ApiError('Forbidden', 'the Host of the request is not a name of this server')
  }

  #user(authorization: string | undefined): string {
    const token = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1]
    const user = token === undefined || token.length > MAX_TOKEN ? null : (this.#tokens?.userOf(token) ?? null)
    if (user === null) throw new ApiError('Unauthorized', 'Unauthorized')
    return user
  }
}

/** The name in a Host header: without port, brackets and the root's dot, in lower case. */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(host)?.[1]
  const name = bracketed ?? host.replace(/:\d+$/, '')
  return name.replace(/\.$/, '').toLowerCase()
}
