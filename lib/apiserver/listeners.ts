// The sockets that a server listens on: a unix socket for the machine's own people, TLS for everybody else.
import { chmod, chown, lstat, unlink } from 'node:fs/promises'
import { createServer as createHttp, type Server as HttpServer, type RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { connect, type Socket } from 'node:net'
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import type { FastifyBaseLogger } from 'fastify'
import { messageOf } from '../errors.ts'
import type { Gate } from './auth/gate.ts'
import { groupId } from './auth/group.ts'
import type { TlsMaterial } from './auth/tls-keeper.ts'
import { answerBroken, HANDSHAKE_MS, HTTP_LIMITS, MAX_CONNECTIONS } from './http/limits.ts'
import type { Upgrades } from './upgrades.ts'

export interface UnixListen {
  readonly path: string
  /** Whose members may connect; without it (or when the machine has no such group) only the owner may. */
  readonly group?: string
}

/** Where a listener has its certificate from, now and when it is exchanged. */
export interface TlsSource extends TlsMaterial {
  onChange(listener: (material: TlsMaterial) => void): () => void
}

/** The server's second identity: for hosts and schedulers of its cluster, who ask for it by name (SNI). */
export interface ClusterIdentity {
  readonly serverName: string
  readonly key: string
  readonly cert: string
  /** PEM of the cluster's authority, which signs clients and servers alike. */
  readonly ca: string
}

/** Where it is had from, at each handshake: null while the server belongs to no cluster. */
export type ClusterSource = () => ClusterIdentity | null

export interface TlsListen {
  /** An address, or a name that resolves to one. */
  readonly host: string
  /** 0 takes a free one; `onPort` tells which. */
  readonly port: number
  readonly tls: TlsSource
  readonly cluster?: ClusterSource
  readonly onPort?: (port: number) => void
  /** A connection was taken; its handshake is still to come. */
  readonly onConnection?: () => void
}

export interface Listen {
  readonly unix?: UnixListen
  readonly tcp?: readonly TlsListen[]
}

const ANSWER_MS = 1_000
/** Connections that wait to be taken: of a cluster's hosts, all may come back at one moment. The kernel has its own limit, `net.core.somaxconn`. */
const BACKLOG = 4_096
const IDLE_SWEEP_MS = 50

export interface ListenersOptions {
  readonly handler: RequestListener
  readonly upgrades: Upgrades
  readonly gate: Gate
  readonly log: FastifyBaseLogger
}

export class Listeners {
  readonly #options: ListenersOptions
  readonly #servers = new Set<HttpServer>()

  constructor(options: ListenersOptions) {
    this.#options = options
  }

  async open({ unix, tcp = [] }: Listen): Promise<void> {
    try {
      if (unix !== undefined) await this.#openUnix(unix)
      for (const one of tcp) await this.#openTls(one)
    } catch (error) {
      await this.close(0)
      throw error
    }
  }

  async #openUnix({ path, group }: UnixListen): Promise<void> {
    await removeStaleSocket(path)
    const server = createHttp(HTTP_LIMITS, this.#options.handler)
    server.on('connection', (socket: Socket) => this.#options.gate.register(socket, 'unix'))
    await this.#listen(server, { path })
    const gid = group === undefined ? null : await groupId(group)
    if (gid !== null) await chown(path, -1, gid)
    await chmod(path, gid === null ? 0o600 : 0o660)
    if (group !== undefined && gid === null)
      this.#options.log.warn({ group, path }, 'there is no such group: only the owner of the socket may connect')
  }

  async #openTls({ host, port, tls, cluster, onPort, onConnection }: TlsListen): Promise<void> {
    const server = createHttps(
      // Any certificate of a client gets through the handshake, none too: the gate says no in words, and takes tokens.
      {
        ...HTTP_LIMITS,
        ...secureOptions(tls),
        handshakeTimeout: HANDSHAKE_MS,
        requestCert: true,
        rejectUnauthorized: false,
        ...(cluster === undefined ? {} : { SNICallback: choosing(cluster) }),
      },
      this.#options.handler,
    )
    server.maxConnections = MAX_CONNECTIONS
    server.once(
      'close',
      tls.onChange((material) => server.setSecureContext(secureOptions(material))),
    )
    server.on('secureConnection', (socket: TLSSocket & { readonly servername?: string | false }) => {
      const identity = cluster?.() ?? null
      const asked = identity !== null && socket.servername === identity.serverName
      this.#options.gate.register(socket, 'tls', asked ? identity.ca : null)
    })
    if (onConnection !== undefined) server.on('connection', onConnection)
    server.on('tlsClientError', (_error, socket) => socket.destroy())
    await this.#listen(server, { host, port })
    const address = server.address()
    if (typeof address === 'object' && address !== null) onPort?.(address.port)
  }

  async #listen(server: HttpServer, where: { path: string } | { host: string; port: number }): Promise<void> {
    server.on('upgrade', (request, socket, head) => this.#options.upgrades.handle(request, socket, head))
    server.on('clientError', answerBroken)
    const name = 'path' in where ? where.path : `${where.host}:${where.port}`
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(new Error(`cannot listen on ${name}: ${messageOf(error)}`)))
      // A socket file is made within this call: narrow from its first moment, and no other file is touched.
      const mask = 'path' in where ? process.umask(0o177) : null
      server.listen({ ...where, backlog: BACKLOG }, resolve)
      if (mask !== null) process.umask(mask)
    })
    server.on('error', (error) => this.#options.log.error({ err: error, listener: name }, 'a listener failed'))
    this.#servers.add(server)
    this.#options.log.info({ listener: name }, 'listening')
  }

  async close(deadlineMs: number): Promise<void> {
    const servers = [...this.#servers]
    this.#servers.clear()
    const closed = servers.map(
      (server) =>
        new Promise<void>((resolve) => {
          const cut = setTimeout(() => server.closeAllConnections(), deadlineMs)
          // Connections fall idle one by one as their answers end.
          const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS)
          server.close(() => {
            clearTimeout(cut)
            clearInterval(sweep)
            resolve()
          })
          server.closeIdleConnections()
        }),
    )
    await Promise.all(closed)
  }
}

/** New contexts have new ticket keys: no session outlives an exchange of certificates or authorities. */
const secureOptions = ({ key, cert, clientCas }: TlsMaterial) => ({
  key,
  cert,
  ca: [...clientCas],
  minVersion: 'TLSv1.2' as const,
})

/** Who asks for the cluster's name gets its certificate, and is asked for one of its authority; null is the usual one. */
function choosing(cluster: ClusterSource) {
  const contexts = new WeakMap<ClusterIdentity, SecureContext>()
  const contextOf = (identity: ClusterIdentity): SecureContext => {
    const known = contexts.get(identity)
    if (known !== undefined) return known
    const { key, cert, ca } = identity
    const context = createSecureContext({ key, cert: `${cert}${ca}`, ca, minVersion: 'TLSv1.2' })
    contexts.set(identity, context)
    return context
  }
  return (name: string, done: (error: Error | null, context?: SecureContext) => void): void => {
    const identity = cluster()
    if (identity === null || name !== identity.serverName) done(null)
    else done(null, contextOf(identity))
  }
}

/** A socket file that a dead server left is taken away; one that answers, or another kind of file, is not. @throws Error */
async function removeStaleSocket(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => null)
  if (stats === null) return
  if (!stats.isSocket()) throw new Error(`cannot listen on ${path}: a file of another kind is there`)
  if (await answers(path)) throw new Error(`cannot listen on ${path}: another server answers there`)
  await unlink(path).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    // Someone who takes the connection slowly is still someone.
    socket.setTimeout(ANSWER_MS, () => end(true))
    socket.once('connect', () => end(true))
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    )
  })
}
