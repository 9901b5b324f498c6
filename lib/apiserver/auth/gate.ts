// Who comes in: by listener, Host, Origin, token and certificate, before anything else of a request is looked at.
import type { IncomingMessage } from 'node:http'
import { isIP, Socket } from 'node:net'
import { hostname } from 'node:os'
import { TLSSocket } from 'node:tls'
import type { Clock } from '../../clock.ts'
import { ApiError } from '../../errors.ts'
import type { RateLimit } from '../../rate-limit.ts'
import { type Caller, OWN_CALLER, UNIX_CALLER } from './caller.ts'
import { limitKeyOf, type Shown, shownBy } from './client-certificate.ts'
import type { TokenIndex } from './tokens.ts'

export type ListenerKind = 'unix' | 'tls'

export interface GateOptions {
  readonly tokens: TokenIndex
  readonly hostNames: readonly string[]
  readonly clock: Clock
  /** Wrong tokens and certificates per address. Right ones always pass: nobody can lock out others who share an address. */
  readonly failures: RateLimit
}

interface Known {
  readonly kind: ListenerKind
  readonly shown: Shown
  /** It asked for the certificate of the cluster, under which the server is known by that name alone. */
  readonly cluster: boolean
}

export class Gate {
  readonly #options: GateOptions
  readonly #names: ReadonlySet<string>
  readonly #sockets = new WeakMap<Socket, Known>()

  constructor(options: GateOptions) {
    this.#options = options
    this.#names = new Set(['localhost', hostname(), ...options.hostNames].map((name) => name.toLowerCase()))
  }

  /** Listeners tell here which connections are theirs, and which belong to a cluster; a connection of nobody is refused. */
  register(socket: Socket, kind: ListenerKind, clusterCa: string | null = null): void {
    const shown = socket instanceof TLSSocket ? shownBy(socket, clusterCa) : null
    this.#sockets.set(socket, { kind, shown, cluster: clusterCa !== null })
  }

  /** @throws ApiError Unauthorized, Forbidden, TooManyRequests */
  admit(request: IncomingMessage): Caller {
    // Injected requests (tests, code of this process) have no real socket.
    if (!(request.socket instanceof Socket)) return OWN_CALLER
    const known = this.#sockets.get(request.socket)
    if (known === undefined) throw new ApiError('Forbidden', 'the connection came over no listener of this server')
    this.#checkOrigin(request, known.kind)
    if (known.kind === 'unix') return UNIX_CALLER
    // No web page can make a browser ask for the cluster's certificate.
    if (!known.cluster) this.#checkHost(request.headers.host)
    return this.#identify(request, known.shown)
  }

  /** Why a caller may not go on, or null: tokens are revoked and credentials end while a stream is open. */
  ended({ via, uid, expiresAt }: Caller): string | null {
    if (via === 'token' && !this.#options.tokens.has(uid)) return 'the token was revoked'
    if (expiresAt !== null && this.#options.clock.now() >= expiresAt) return `the ${via} expired`
    return null
  }

  #identify(request: IncomingMessage, shown: Shown): Caller {
    const client = request.socket.remoteAddress ?? 'unknown'
    try {
      return this.#callerOf(request.headers.authorization, shown, client)
    } catch (error) {
      this.#countFailure(client)
      throw error
    }
  }

  /** A token is looked at first, as it comes with this very request; a connection's certificate speaks where there is none. */
  #callerOf(authorization: string | undefined, shown: Shown, client: string): Caller {
    if (authorization !== undefined) {
      const token = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization)?.[1]
      if (token === undefined) throw new ApiError('Unauthorized', 'only bearer tokens are taken')
      return this.#options.tokens.callerOf(token, client)
    }
    if (shown === null) throw new ApiError('Unauthorized', 'Unauthorized')
    if ('refused' in shown) throw new ApiError('Unauthorized', `the client certificate is refused: ${shown.refused}`)
    const caller: Caller = { ...shown.caller, client }
    const ended = this.ended(caller)
    if (ended !== null) throw new ApiError('Unauthorized', ended)
    return caller
  }

  #countFailure(client: string): void {
    const key = limitKeyOf(client)
    if (this.#options.failures.take(key)) return
    throw new ApiError('TooManyRequests', 'too many attempts with wrong credentials from this address', {
      retryAfterSeconds: Math.ceil(this.#options.failures.waitMs(key) / 1000),
    })
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
}

/** The name in a Host header: without port, brackets and the root's dot, in lower case. */
function hostName(host: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(host)?.[1]
  const name = bracketed ?? host.replace(/:\d+$/, '')
  return name.replace(/\.$/, '').toLowerCase()
}
