// The API's listeners and who may come in over them.
import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Access, KEYS_FOLDER, openAccess } from '../apiserver/auth/access.ts'
import type { RequestLimits } from '../apiserver/auth/limits.ts'
import type { TlsKeeperOptions } from '../apiserver/auth/tls-keeper.ts'
import type { TlsListen } from '../apiserver/listeners.ts'
import type { ApiServer } from '../apiserver/server.ts'
import type { Clock } from '../clock.ts'
import type { ServerConfig } from './config.ts'

interface Address {
  readonly host: string
  readonly port: number
}

/** `127.0.0.1:8750`, `[::1]:8750`; the schema has checked the form. */
export function parseListen(text: string): Address {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
}

/** A server as the parts of its API's door see it. */
export interface Served {
  readonly config: ServerConfig
  /** Names of it beside its addresses and its machine's name. */
  readonly names: readonly string[]
}

/** Keys, certificate and the admin's way in; made at the first start. */
export const openServerAccess = (served: Served, clock: Clock): Promise<Access> =>
  openAccess({ stateFolder: served.config.stateDir, ...keeperOptions(served, clock) })

/** Where the certificate comes from, and what it names. Addresses that mean "all" are no names of this server. */
export function keeperOptions({ config, names }: Served, clock: Clock): TlsKeeperOptions {
  const hosts = config.listen.map((text) => parseListen(text).host).filter((host) => !['0.0.0.0', '::'].includes(host))
  const { certFile, keyFile, caFile, clientCaFile } = config.tls
  return {
    folder: join(config.stateDir, KEYS_FOLDER),
    addresses: [...hosts, hostname(), ...names],
    clock,
    ...(certFile === undefined || keyFile === undefined
      ? {}
      : { files: { certFile, keyFile, ...(caFile === undefined ? {} : { caFile }) } }),
    ...(clientCaFile === undefined ? {} : { clientCaFile }),
  }
}

/** The URL of the first TCP address, null when there is none. */
export function serverUrl(config: ServerConfig): string | null {
  const [first] = config.listen.map(parseListen)
  return first === undefined ? null : `https://${urlHost(first.host)}:${first.port}`
}

/** The limits of the configuration as token buckets. */
export function requestLimits({ limits }: ServerConfig): RequestLimits {
  return {
    requests: { burst: limits.requestBurst, refillMs: 1_000 / limits.requestsPerSecond },
    wrongCredentials: { burst: limits.wrongCredentialsBurst, refillMs: 60_000 / limits.wrongCredentialsPerMinute },
  }
}

/**
 * Opens what is configured. The kubeconfig for the first TCP address is written before, so that whoever gets an answer finds one with a token
 * that works. @throws Error with words for the operator
 */
export async function openListeners(
  server: ApiServer,
  config: ServerConfig,
  { tls, publish }: Access,
  on: Pick<TlsListen, 'cluster' | 'onConnection'>,
): Promise<void> {
  const addresses = config.listen.map(parseListen)
  const url = serverUrl(config)
  if (url !== null) await publish(url, server.resources)
  await server.listen({
    unix: { path: config.socketPath, group: config.socketGroup },
    tcp: addresses.map((address) => ({ ...address, tls, ...on })),
  })
}

/** A server that listens on all addresses is reached on loopback by its own host. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
