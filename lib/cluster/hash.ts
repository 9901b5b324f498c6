// How people compare a cluster's authority: `sha256:` and the hexadecimal digits of its certificate's SHA-256.
import { X509Certificate } from 'node:crypto'

/** @param pem a certificate @throws Error when it is none */
export const hashOfCertificate = (pem: string): string =>
  `sha256:${new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()}`
