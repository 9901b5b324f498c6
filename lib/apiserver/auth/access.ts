// Everything that the first start makes so that an operator can come in over TCP: CA, certificate, admin token, kubeconfig.
import { join } from 'node:path'
import type { Clock } from '../../clock.ts'
import { openIdentity, type TlsIdentity } from './certificates.ts'
import { readIfThere, removeTemporaries, writeAtomically } from './files.ts'
import type { TokenCheck } from './gate.ts'
import { kubeconfig, tokenIn } from './kubeconfig.ts'
import { TokenStore } from './tokens.ts'

const ADMIN = 'admin'

export interface AccessOptions {
  /** The program's state folder: keys go into its `keys`, the kubeconfig beside them. */
  readonly stateFolder: string
  /** Listen addresses and further names of this server, for its certificate. */
  readonly addresses: readonly string[]
  readonly clock: Clock
}

export interface Access {
  /** For the TLS listeners. */
  readonly tls: TlsIdentity
  readonly tokens: TokenCheck
  /** Where {@link publish} writes, mode 0600. */
  readonly kubeconfigPath: string
  /**
   * Sees to a kubeconfig for `server` with a token that works. The token in the file is kept as long as it works; where the file is
   * gone a new one is made and the old one ends: remove the file and start again to change the token.
   */
  publish(server: string): Promise<void>
}

/** @throws Error with words for the operator */
export async function openAccess({ stateFolder, addresses, clock }: AccessOptions): Promise<Access> {
  const folder = join(stateFolder, 'keys')
  const tls = await openIdentity({ folder, addresses, clock })
  await removeTemporaries(stateFolder)
  const tokens = await TokenStore.load(join(folder, 'tokens.json'))
  const path = join(stateFolder, 'kubeconfig')
  return {
    tls,
    tokens,
    kubeconfigPath: path,
    publish: async (server) => {
      const present = await readIfThere(path)
      const held = present === null ? null : tokenIn(present, ADMIN)
      // A crash after this line leaves a token that nobody has; the next start sees that and makes another.
      const token = held !== null && tokens.userOf(held) === ADMIN ? held : await tokens.issue(ADMIN)
      const wanted = kubeconfig({ server, ca: tls.ca, user: ADMIN, token })
      if (wanted !== present) await writeAtomically(path, wanted, 0o600)
    },
  }
}
