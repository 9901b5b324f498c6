// `berth node token create`, `berth node join`, `berth node leave`: hosts come to a cluster and go.
import { messageOf } from '../../lib/errors.ts'
import type {
  Asked,
  JoinRequestAsk,
  JoinTokenAnswer,
  LeaveRequestAsk,
  MembershipAnswer,
} from '../../schemas/cluster/membership.ts'
import { parseDuration } from '../duration.ts'
import { type Io, note, print } from '../io.ts'
import type { Session } from '../session.ts'
import { UsageError } from '../usage.ts'

const API_VERSION = 'cluster.berth/v1'
/** Two keys are made and the scheduler signs them. */
const JOIN_MS = 120_000
const MAX_TOKEN = 4_096

export interface TokenOptions {
  readonly ttl: string
  readonly output?: 'json'
}

/** Prints the command that joins a host; it holds a token that is good for one host. With `output` its parts, for programs. */
export async function createJoinToken(session: Session, { ttl, output }: TokenOptions): Promise<void> {
  const { io } = session
  const ttlSeconds = Math.round(parseDuration(ttl) / 1_000)
  if (ttlSeconds < 60) throw new UsageError('--ttl is 1m at least')
  const answer = await ask<JoinTokenAnswer>(session, 'JoinToken', { ttlSeconds }).catch((error: unknown) => {
    throw isUnknown(error)
      ? new Error('this server is no scheduler: ask the scheduler (--socket /run/berth/scheduler.sock)')
      : error
  })
  const { token, caHash, expirationTimestamp, servers } = answer
  if (output === 'json') {
    print(io, JSON.stringify({ token, caHash, expirationTimestamp, servers }))
    return
  }
  if (servers.length === 0)
    note(io, 'The scheduler listens on loopback only: add an address of it to `listen` in /etc/berth/scheduler.yaml.')
  note(io, `Good for one host until ${expirationTimestamp}. On the host, as root:`)
  print(io, `berth node join ${servers[0] ?? 'https://SCHEDULER:8751'} --token ${token} --ca-hash ${caHash}`)
}

export interface JoinOptions {
  readonly token: string
  readonly caHash: string
}

export async function joinCluster(session: Session, options: JoinOptions, server: string): Promise<void> {
  const { io } = session
  const url = URL.canParse(server) ? new URL(server) : null
  if (url === null || url.protocol !== 'https:' || url.pathname !== '/' || url.search !== '')
    throw new UsageError(`the scheduler is an https URL such as https://10.0.0.1:8751, not "${server}"`)
  const caHash = options.caHash.toLowerCase()
  if (!/^sha256:[0-9a-f]{64}$/.test(caHash))
    throw new UsageError('--ca-hash is sha256: and 64 hexadecimal digits, as "berth node token create" prints it')
  const token = options.token === '-' ? await fromInput(io) : options.token
  const body: JoinRequestAsk = { server: url.origin, token, caHash }
  const { message = '' } = await ask<MembershipAnswer>(session, 'JoinRequest', body).catch(agentsOnly)
  print(io, message)
}

export async function leaveCluster(session: Session, options: LeaveRequestAsk): Promise<void> {
  const body = { force: options.force === true }
  const { message = '' } = await ask<MembershipAnswer>(session, 'LeaveRequest', body).catch(agentsOnly)
  print(session.io, message)
}

const ask = async <A>({ client, io }: Session, kind: string, body: object): Promise<A> =>
  (await client.transport.json({
    method: 'POST',
    path: `/apis/${API_VERSION}/${kind.toLowerCase()}s`,
    body: { apiVersion: API_VERSION, kind, ...body },
    timeoutMs: JOIN_MS,
    signal: io.signal,
  })) as Asked<object, A> as A

const isUnknown = (error: unknown): boolean => /not found|no such path/i.test(messageOf(error))

function agentsOnly(error: unknown): never {
  throw isUnknown(error)
    ? new Error('this server is no agent: run it on the host, over its socket (/run/berth/agent.sock)')
    : error
}

async function fromInput({ stdin, signal }: Io): Promise<string> {
  let text = ''
  for await (const chunk of stdin) {
    signal?.throwIfAborted()
    text += String(chunk)
    if (text.length > MAX_TOKEN) throw new UsageError('the standard input has no token')
  }
  return text.trim()
}
