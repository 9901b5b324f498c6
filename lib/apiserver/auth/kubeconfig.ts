// A kubeconfig with one server and one user: what a server leaves for its operator, and what is issued to others.
import { parse, stringify } from 'yaml'
import { isRecord } from '../core/json.ts'

export interface KubeconfigParts {
  /** `https://127.0.0.1:8750` */
  readonly server: string
  /** PEM of the CA; empty when the client's system knows it. */
  readonly ca: string
  /** The name in the certificate, when it is not the server's host. */
  readonly serverName?: string
  readonly user: string
  readonly credentials: { readonly token: string } | { readonly key: string; readonly cert: string }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

export function kubeconfig({ server, ca, serverName, user, credentials }: KubeconfigParts): string {
  const cluster = {
    server,
    ...(ca === '' ? {} : { 'certificate-authority-data': base64(ca) }),
    ...(serverName === undefined ? {} : { 'tls-server-name': serverName }),
  }
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'berth', cluster }],
    users: [
      {
        name: user,
        user:
          'token' in credentials
            ? credentials
            : { 'client-certificate-data': base64(credentials.cert), 'client-key-data': base64(credentials.key) },
      },
    ],
    contexts: [{ name: 'berth', context: { cluster: 'berth', user, namespace: 'default' } }],
    'current-context': 'berth',
  })
}

/** The token of a user in a kubeconfig, null when there is none. */
export function tokenIn(text: string, user: string): string | null {
  let value: unknown
  try {
    value = parse(text)
  } catch {
    return null
  }
  const users = isRecord(value) && Array.isArray(value.users) ? value.users : []
  for (const one of users)
    if (isRecord(one) && one.name === user && isRecord(one.user) && typeof one.user.token === 'string')
      return one.user.token
  return null
}
