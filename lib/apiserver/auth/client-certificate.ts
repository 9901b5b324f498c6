// Client certificates as Kubernetes reads them: CN is the user, each O a group.
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { fitsCluster, isClusterIdentity } from '../../cluster/identity.ts'
import { type Caller, withAuthenticated } from './caller.ts'

/** What the handshake of a connection showed: nobody, somebody, or why the certificate is refused. */
export type Shown = null | { readonly caller: Omit<Caller, 'client'> } | { readonly refused: string }

/**
 * Reads the peer's certificate once, after the handshake. The handshake takes any certificate, so that others can use tokens.
 *
 * @param clusterCa of a connection that asked for the server's certificate of a cluster: PEM of whom to believe. Hosts and schedulers are
 *   named by this authority alone, and it names nobody else.
 */
export function shownBy(socket: TLSSocket, clusterCa: string | null = null): Shown {
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) return null
  if (!socket.authorized) return { refused: wordsOf(socket.authorizationError) }
  const subject: Readonly<Record<string, unknown>> = { ...certificate.toLegacyObject().subject }
  const user = subject.CN
  if (typeof user !== 'string' || user === '') return { refused: 'its subject needs exactly one common name (CN)' }
  const refused = clusterCa === null ? null : strangerTo(clusterCa, certificate)
  if (refused !== null) return { refused }
  const groups = [subject.O].flat().filter((group): group is string => typeof group === 'string' && group !== '')
  if (clusterCa === null && isClusterIdentity(user, groups))
    return { refused: 'it names a host or a scheduler, which only the authority of a cluster may do' }
  if (clusterCa !== null && !fitsCluster(user, groups)) return { refused: 'it names neither a host nor a scheduler' }
  return {
    caller: {
      user,
      groups: withAuthenticated(groups),
      uid: '',
      via: 'certificate',
      credential: certificate.serialNumber,
      expiresAt: Date.parse(certificate.validTo),
    },
  }
}

/** A session begun with another authority's certificate must not go on as one of the cluster. */
function strangerTo(clusterCa: string, certificate: X509Certificate): string | null {
  return certificate.verify(new X509Certificate(clusterCa).publicKey) ? null : 'another authority has signed it'
}

/** OpenSSL's codes in words. */
function wordsOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'it has expired'
    case 'CERT_NOT_YET_VALID':
      return 'it is not valid yet'
    case 'INVALID_PURPOSE':
      return 'it is not for clients'
    default:
      return `no authority that this server trusts has signed it (${code.slice(0, 80)})`
  }
}

/** An address as a key for limits: of IPv6 the /64 that one customer has, of a mapped IPv4 the IPv4. */
export function limitKeyOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (isIP(plain) !== 6) return plain
  const [head = '', tail] = plain.split('%')[0]?.split('::') ?? []
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const middle =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => '0')
  return [...left, ...middle, ...right].slice(0, 4).join(':')
}
