// How one server of a cluster reaches another: mutual TLS with the cluster's certificates, the other one known by its name there.
import type { SecureContext } from 'node:tls'
import type { Target } from '../client/target.ts'

/** What a server of a cluster shows, and by whom it knows the others. PEM. */
export interface ClusterCredentials {
  readonly key: string
  readonly cert: string
  /** The cluster's authority: of clients and of servers alike. */
  readonly ca: string
}

/**
 * @param url `https://ADDRESS:PORT`; whoever answers there must have a certificate with `serverName`
 * @param serverName of `identity.ts`
 * @param secureContext of these credentials, for who calls many
 */
export const clusterTarget = (
  url: string,
  serverName: string,
  { key, cert, ca }: ClusterCredentials,
  secureContext?: SecureContext,
): Target => ({
  label: url,
  origin: new URL(url).origin,
  prefix: '',
  tls: { ca, cert, key, servername: serverName, ...(secureContext === undefined ? {} : { secureContext }) },
  namespace: 'default',
})
