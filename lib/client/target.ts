// Where an API server is and how to prove who asks. A target is plain data; `transport.ts` and `streams.ts` use it.
import type { SecureContext } from 'node:tls'

/** Credentials and trust for a TLS connection, all PEM. */
export interface TlsMaterial {
  /** Authorities that may sign the server's certificate; the system's when absent. */
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  /** The name that the certificate must carry, when it is not the host's. */
  readonly servername?: string
  /** Made of the three before, once for many connections: to make one takes longer than a handshake. */
  readonly secureContext?: SecureContext
}

export interface Target {
  /** For people: `unix:/run/berth/agent.sock`, `https://10.0.0.1:8750`. */
  readonly label: string
  /** Scheme, host and port: `http://localhost`, `https://10.0.0.1:8750`. */
  readonly origin: string
  /** Path before `/api` and `/apis`, without a slash at its end; empty as a rule. */
  readonly prefix: string
  readonly socketPath?: string
  readonly tls?: TlsMaterial
  readonly token?: string
  /** The namespace of commands that name none. */
  readonly namespace: string
}

/** Where an agent listens unless its configuration says otherwise. */
export const DEFAULT_SOCKET = '/run/berth/agent.sock'

/** The target behind a unix socket: no password, the socket's mode is the guard. */
export const socketTarget = (path: string): Target => ({
  label: `unix:${path}`,
  origin: 'http://localhost',
  prefix: '',
  socketPath: path,
  namespace: 'default',
})

/** The headers that prove who asks. */
export const authHeaders = (target: Target): Record<string, string> =>
  target.token === undefined ? {} : { authorization: `Bearer ${target.token}` }
