// Who asks: a user with groups, and the credential that says so.

/** May do everything, whatever the roles say. */
export const MASTERS = 'system:masters'
/** Hosts of a cluster, by certificates of its scheduler; the user is `system:node:NAME`. */
export const NODES_GROUP = 'system:nodes'
/** Of join tokens: whoever has one may ask to become a host of the cluster, and nothing else. */
export const JOINERS_GROUP = 'system:bootstrappers'
/** The group of everybody who came in. */
export const AUTHENTICATED = 'system:authenticated'

/** A user as roles know it. */
export interface User {
  readonly user: string
  readonly groups: readonly string[]
}

export interface Caller extends User {
  /** Tells users of the same name apart over time; empty when the credential has none. */
  readonly uid: string
  /** How the caller came in. */
  readonly via: 'unix' | 'in-process' | 'token' | 'certificate'
  /** Name of the token, serial number of the certificate; empty without either. */
  readonly credential: string
  /** When the credential ends, milliseconds since the epoch; null for never. */
  readonly expiresAt: number | null
  /** Remote address, `unix` or `in-process`. */
  readonly client: string
}

const own = (via: 'unix' | 'in-process'): Caller => ({
  user: via,
  groups: [MASTERS, AUTHENTICATED],
  uid: '',
  via,
  credential: '',
  expiresAt: null,
  client: via,
})

/** Everybody on the unix socket: its file mode is the guard. */
export const UNIX_CALLER = own('unix')
/** Requests that this process injects into itself. */
export const OWN_CALLER = own('in-process')

/** Groups of an authenticated user, each once. */
export const withAuthenticated = (groups: readonly string[]): readonly string[] => [
  ...new Set([...groups, AUTHENTICATED]),
]
