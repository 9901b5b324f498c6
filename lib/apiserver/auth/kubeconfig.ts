// The kubeconfig that a server leaves for its operator.
import { parse, stringify } from 'yaml'
import { isRecord } from '../core/json.ts'

export interface KubeconfigParts {
  /** `https://127.0.0.1:8750` */
  readonly server: string
  /** PEM of the CA. */
  readonly ca: string
  readonly user: string
  readonly token: string
}

export function kubeconfig({ server, ca, user, token }: KubeconfigParts): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'berth', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } },
    ],
    users: [{ name: user, user: { token } }],
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
