// What certificate a server shows before anybody trusts it: its authority's, to be compared by a person.
import { X509Certificate } from 'node:crypto'
import { connect, type DetailedPeerCertificate } from 'node:tls'

const CONNECT_MS = 10_000

export interface ShownAuthority {
  /** True when the system's own authorities vouch for the server. */
  readonly known: boolean
  /** PEM of the topmost certificate that the server sent. */
  readonly pem: string
  /** SHA-256, as `berth-agent certs show` prints it. */
  readonly fingerprint: string
  readonly subject: string
  /** Of this machine, as the server sees it. */
  readonly localAddress: string
}

/**
 * Connects, looks and leaves; nothing is sent.
 *
 * @param serverName asked for in the place of the URL's host @throws Error when there is no TLS server
 */
export function shownAuthority(url: URL, signal: AbortSignal, serverName?: string): Promise<ShownAuthority> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(url.port || 443),
      rejectUnauthorized: false,
      ...(serverName === undefined && /^[\d.]+$|:/.test(host) ? {} : { servername: serverName ?? host }),
    })
    const onAbort = () => socket.destroy(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('close', () => signal.removeEventListener('abort', onAbort))
    socket.setTimeout(CONNECT_MS, () =>
      socket.destroy(new Error(`no answer from ${url.host} within ${CONNECT_MS / 1000} s`)),
    )
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      const top = topOf(socket.getPeerCertificate(true))
      const certificate = new X509Certificate(top.raw)
      resolve({
        known: socket.authorized,
        pem: certificate.toString(),
        fingerprint: certificate.fingerprint256,
        subject: certificate.subject.replaceAll('\n', ', '),
        localAddress: socket.localAddress ?? '',
      })
      socket.destroy()
    })
  })
}

/** A root is its own issuer. */
function topOf(certificate: DetailedPeerCertificate): DetailedPeerCertificate {
  let top = certificate
  for (let depth = 0; depth < 10; depth++) {
    const issuer = top.issuerCertificate as DetailedPeerCertificate | undefined
    if (issuer === undefined || issuer === top || issuer.fingerprint256 === top.fingerprint256) break
    top = issuer
  }
  return top
}
