// Everything that the first start makes so that an operator can come in over TCP: CA, certificate, admin token, kubeconfig.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { AccessToken } from '../../../schemas/access/token.ts'
import { readIfThere, removeTemporariesOf, writeAtomically } from '../../files.ts'
import type { Resources } from '../resources.ts'
import { ACCESS_TOKENS } from './access-state.ts'
import { MASTERS } from './caller.ts'
import { kubeconfig, tokenIn } from './kubeconfig.ts'
import { TlsKeeper, type TlsKeeperOptions } from './tls-keeper.ts'
import { hashOfToken, newToken } from './tokens.ts'

/** Name of the first token, and of its user. */
const ADMIN = 'admin'
/** Where tokens were before they were objects. */
const OLD_TOKENS = 'tokens.json'

/** Below the state folder: authority, server certificate, their keys. */
export const KEYS_FOLDER = 'keys'

export interface AccessOptions extends Omit<TlsKeeperOptions, 'folder'> {
  /** The program's state folder: keys go into its {@link KEYS_FOLDER}, the kubeconfig beside it. */
  readonly stateFolder: string
}

export interface Access {
  /** For the TLS listeners. */
  readonly tls: TlsKeeper
  /** Where {@link publish} writes, mode 0600. */
  readonly kubeconfigPath: string
  /**
   * Sees to a kubeconfig for `server` with a token that works. The token in the file is kept as long as it works; where the file is
   * gone a new one is made and the old one ends: remove the file and start again to change the token.
   */
  publish(server: string, resources: Resources): Promise<void>
}

/** @throws Error with words for the operator */
export async function openAccess({ stateFolder, ...options }: AccessOptions): Promise<Access> {
  const folder = join(stateFolder, KEYS_FOLDER)
  const tls = await TlsKeeper.open({ ...options, folder })
  await rm(join(folder, OLD_TOKENS), { force: true })
  const path = join(stateFolder, 'kubeconfig')
  // Others of the state folder are being written by now.
  await removeTemporariesOf(path)
  return {
    tls,
    kubeconfigPath: path,
    publish: async (server, resources) => {
      const present = await readIfThere(path)
      const held = present === null ? null : tokenIn(present, ADMIN)
      // A crash after this line leaves a token that nobody has; the next start sees that and makes another.
      const token = held !== null && (await isAdmin(resources, held)) ? held : await newAdmin(resources)
      const serverName = tls.nameFor(new URL(server).hostname.replace(/^\[|\]$/g, ''))
      const wanted = kubeconfig({
        server,
        ca: tls.ca,
        user: ADMIN,
        credentials: { token },
        ...(serverName === null ? {} : { serverName }),
      })
      if (wanted !== present) await writeAtomically(path, wanted, 0o600)
    },
  }
}

async function isAdmin(resources: Resources, token: string): Promise<boolean> {
  const known = await resources.get<AccessToken>(ACCESS_TOKENS, { namespace: '', name: ADMIN })
  if (known === null || known.metadata.deletionTimestamp !== undefined) return false
  return known.spec.sha256 === hashOfToken(token) && known.spec.expirationTimestamp === undefined
}

/** A new admin token, in the place of the earlier one. It can be seen only here. */
async function newAdmin(resources: Resources): Promise<string> {
  const token = newToken()
  // Nobody's finalizer may keep the old one in the way of the new.
  await resources.modify<AccessToken>(ACCESS_TOKENS, { namespace: '', name: ADMIN }, (old) => ({
    ...old,
    metadata: { ...old.metadata, finalizers: [] },
  }))
  await resources.delete(ACCESS_TOKENS, { namespace: '', name: ADMIN })
  await resources.create<AccessToken>(ACCESS_TOKENS, {
    apiVersion: 'access.berth/v1',
    kind: 'AccessToken',
    metadata: { name: ADMIN },
    spec: { user: ADMIN, groups: [MASTERS], sha256: hashOfToken(token) },
  })
  return token
}
