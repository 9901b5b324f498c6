// Joining: the scheduler's authority is compared with what the operator said, keys are made here, and only then the token is shown.
import { readFile } from 'node:fs/promises'
import { makeRequest } from '../../lib/apiserver/auth/openssl.ts'
import { Client } from '../../lib/client/client.ts'
import { UnreachableError } from '../../lib/client/errors.ts'
import { shownAuthority } from '../../lib/client/server-authority.ts'
import { type Clock, timestamp } from '../../lib/clock.ts'
import { hashOfCertificate } from '../../lib/cluster/hash.ts'
import { SCHEDULER_SERVER_NAME } from '../../lib/cluster/identity.ts'
import { clusterTarget } from '../../lib/cluster/target.ts'
import { ApiError, messageOf } from '../../lib/errors.ts'
import type { CertificatesAnswer, HostAsk, JoinAsk, JoinRequestAsk } from '../../schemas/cluster/membership.ts'
import type { Member } from './files.ts'
import { ownUrl } from './own-url.ts'

const TIMEOUT_MS = 30_000
const PATH = '/apis/cluster.berth/v1'

export interface JoinDeps {
  readonly node: string
  readonly listen: readonly string[]
  readonly version: string
  readonly clock: Clock
  /** Folder in which keys are made. */
  readonly folder: string
}

/** @throws ApiError with the scheduler's words or our own; nothing is kept then */
export async function join(ask: JoinRequestAsk, deps: JoinDeps, signal: AbortSignal): Promise<Member> {
  const { node, listen, version, clock, folder } = deps
  const server = new URL(ask.server)
  const shown = await shownAuthority(server, signal, SCHEDULER_SERVER_NAME).catch((error: unknown) => {
    throw new ApiError('ServiceUnavailable', `the scheduler at ${ask.server} cannot be reached: ${messageOf(error)}`)
  })
  const hash = hashOfCertificate(shown.pem)
  if (hash !== ask.caHash)
    throw new ApiError(
      'Forbidden',
      `${ask.server} shows another authority than the one of --ca-hash: ${hash}. The token was not sent. Is it the scheduler, and has nobody stepped between?`,
    )
  const { url, addresses } = reachable(listen, shown.localAddress)
  const machine = await machineId()
  const [own, qemu] = [await makeRequest(folder), await makeRequest(folder)]
  const tls = { ca: shown.pem, servername: SCHEDULER_SERVER_NAME }
  const client = new Client(
    { label: ask.server, origin: server.origin, prefix: '', namespace: 'default', token: ask.token, tls },
    `berth-agent/${version}`,
  )
  try {
    const host = { node, url, addresses, version, csr: own.csr, qemuCsr: qemu.csr }
    const time = new Date(clock.now()).toISOString()
    const granted = await askScheduler(client, 'Join', { ...host, machine, time }, signal).catch(tokenRefused)
    return {
      node,
      server: server.origin,
      url,
      ca: shown.pem,
      joinedAt: timestamp(clock.now()),
      own: { key: own.key, cert: granted.certificate },
      qemu: { key: qemu.key, cert: granted.qemuCertificate },
    }
  } finally {
    await client.close()
  }
}

/** The host itself is authorized: a caller that is told 401 would look for a login of its own. */
function tokenRefused(error: unknown): never {
  if (!(error instanceof ApiError) || error.reason !== 'Unauthorized') throw error
  throw new ApiError('Forbidden', `the scheduler says: ${error.message}. berth node token create makes another`)
}

/** New keys and certificates for a member. @throws ApiError, UnreachableError */
export async function renew(member: Member, deps: JoinDeps, client: Client, signal: AbortSignal): Promise<Member> {
  const { node, listen, version, folder } = deps
  const { url, addresses } = ownUrl(listen, new URL(member.url).hostname.replace(/^\[|\]$/g, ''))
  const [own, qemu] = [await makeRequest(folder), await makeRequest(folder)]
  const host = { node, url, addresses, version, csr: own.csr, qemuCsr: qemu.csr }
  const granted = await askScheduler(client, 'CertificateRenewal', host, signal)
  return {
    ...member,
    url,
    own: { key: own.key, cert: granted.certificate },
    qemu: { key: qemu.key, cert: granted.qemuCertificate },
  }
}

/** @throws ApiError when the scheduler refuses, UnreachableError */
export async function depart(node: string, client: Client, signal: AbortSignal): Promise<void> {
  await askScheduler(client, 'Departure', { node }, signal)
}

/** The client of the scheduler as this host. */
export const schedulerClient = ({ server, own, ca }: Member, version: string): Client =>
  new Client(clusterTarget(server, SCHEDULER_SERVER_NAME, { ...own, ca }), `berth-agent/${version}`)

async function askScheduler(
  client: Client,
  kind: string,
  body: HostAsk | JoinAsk | { readonly node: string },
  signal: AbortSignal,
): Promise<CertificatesAnswer> {
  const answer = await client.transport
    .json({
      method: 'POST',
      path: `${PATH}/${kind.toLowerCase()}s`,
      body: { apiVersion: 'cluster.berth/v1', kind, ...body },
      timeoutMs: TIMEOUT_MS,
      signal,
    })
    .catch((error: unknown) => {
      if (error instanceof UnreachableError) throw new ApiError('ServiceUnavailable', messageOf(error))
      throw error
    })
  return answer as CertificatesAnswer
}

function reachable(listen: readonly string[], local: string): ReturnType<typeof ownUrl> {
  try {
    return ownUrl(listen, local)
  } catch (error) {
    throw new ApiError('Conflict', messageOf(error))
  }
}

/** What tells this machine from all others, now and after each boot. @throws ApiError when it has nothing of the kind */
async function machineId(): Promise<string> {
  for (const path of ['/etc/machine-id', '/sys/class/dmi/id/product_uuid']) {
    const text = (await readFile(path, 'utf8').catch(() => '')).trim().toLowerCase()
    if (/^[0-9a-f-]{16,64}$/.test(text)) return text
  }
  throw new ApiError('Conflict', 'this machine has no /etc/machine-id: make one with systemd-machine-id-setup')
}
