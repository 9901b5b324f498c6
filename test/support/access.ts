// People for tests of access: tokens, bindings, and requests over TLS as one of them.
import { readFile } from 'node:fs/promises'
import { Agent as HttpsAgent } from 'node:https'
import { Agent } from 'undici'
import { WebSocket } from 'ws'
import { hashOfToken, newToken } from '../../lib/apiserver/auth/tokens.ts'
import type { Resources } from '../../lib/apiserver/resources.ts'
import type { AccessToken, Binding } from '../../schemas/index.ts'
import type { TestApiServer } from './api-server.ts'

/** Makes a token object for a user; returns the token. */
export async function issueToken(
  resources: Resources,
  user: string,
  { groups = [], expires, name = user }: { groups?: readonly string[]; expires?: string; name?: string } = {},
): Promise<string> {
  const token = newToken()
  await resources.create<AccessToken>('accesstokens.access.berth', {
    apiVersion: 'access.berth/v1',
    kind: 'AccessToken',
    metadata: { name },
    spec: {
      user,
      groups,
      sha256: hashOfToken(token),
      ...(expires === undefined ? {} : { expirationTimestamp: expires }),
    },
  })
  return token
}

/** Binds a ClusterRole to a user, in a namespace or everywhere. */
export async function bindRole(resources: Resources, role: string, user: string, namespace?: string): Promise<void> {
  const kind = namespace === undefined ? 'ClusterRoleBinding' : 'RoleBinding'
  const apiGroup = 'rbac.authorization.k8s.io' as const
  await resources.create<Binding>(`${kind.toLowerCase()}s.${apiGroup}`, {
    apiVersion: `${apiGroup}/v1`,
    kind,
    metadata: { name: `${user}:${role}`, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup, kind: 'ClusterRole', name: role },
    subjects: [{ kind: 'User', apiGroup, name: user }],
  })
}

export interface Reply {
  readonly code: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** The token of the kubeconfig that the server wrote. */
export const adminToken = async (server: TestApiServer): Promise<string> =>
  /token: (\S+)/.exec(await readFile(server.kubeconfig, 'utf8'))?.[1] ?? ''

export interface Credentials {
  readonly token?: string
  readonly cert?: string
  readonly key?: string
}

/** One client over TLS with credentials of its own. */
export class TlsClient {
  readonly #agent: Agent
  readonly #origin: string
  readonly #server: TestApiServer
  readonly #credentials: Credentials

  constructor(server: TestApiServer, credentials: Credentials = {}) {
    const { cert, key } = credentials
    this.#server = server
    this.#credentials = credentials
    this.#origin = `https://127.0.0.1:${server.port}`
    this.#agent = new Agent({
      connect: {
        ca: server.ca,
        servername: 'localhost',
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      },
    })
  }

  async ask(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    const answer = await this.#agent.request({
      origin: this.#origin,
      path,
      // undici's list of methods is narrower than what a stranger may send.
      method: method as 'GET',
      headers: {
        ...this.#headers(),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    })
    return { code: answer.statusCode, text: await answer.body.text(), headers: answer.headers }
  }

  /** Opens a websocket: 101 and the socket, or the code of the refusal. */
  connect(
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<{ readonly code: number; readonly text: string; readonly socket: WebSocket }> {
    const { cert, key } = this.#credentials
    const socket = new WebSocket(`wss://127.0.0.1:${this.#server.port}${path}`, [], {
      agent: new HttpsAgent({
        ca: this.#server.ca,
        servername: 'localhost',
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      }),
      headers: { ...this.#headers(), ...headers },
    })
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve({ code: 101, text: '', socket }))
      socket.once('error', reject)
      socket.once('unexpected-response', (_request, response) => {
        let text = ''
        response.on('data', (chunk: Buffer) => {
          text += chunk.toString()
        })
        response.once('end', () => resolve({ code: response.statusCode ?? 0, text, socket }))
      })
    })
  }

  /** Opens a watch; resolves with its code, and a promise of its end. */
  async watch(path: string): Promise<{ readonly code: number; readonly ended: Promise<void> }> {
    const answer = await this.#agent.request({
      origin: this.#origin,
      path,
      method: 'GET',
      headers: this.#headers(),
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    return { code: answer.statusCode, ended: answer.body.dump({ limit: 1_000_000 }).then(() => undefined) }
  }

  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  #headers(): Record<string, string> {
    const { token } = this.#credentials
    return token === undefined ? {} : { authorization: `Bearer ${token}` }
  }
}
