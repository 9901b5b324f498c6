// The API's listeners and who may come in over them.
import { hostname } from 'node:os'
import { type Access, openAccess } from '../lib/apiserver/auth/access.ts'
import type { ApiServer } from '../lib/apiserver/server.ts'
import type { Clock } from '../lib/clock.ts'
import type { AgentConfig } from './config.ts'

interface Address {
  readonly host: string
  readonly port: number
}

/** `127.0.0.1:8750`, `[::1]:8750`; the schema has checked the form. */
export function parseListen(text: string): Address {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) }
}

/** Keys, certificate and tokens; made at the first start. Addresses that mean "all" are no names of this server. */
export function openAgentAccess(config: AgentConfig, clock: Clock): Promise<Access> {
  const hosts = config.listen.map((text) => parseListen(text).host).filter((host) => !['0.0.0.0', '::'].includes(host))
  return openAccess({ stateFolder: config.stateDir, addresses: [...hosts, hostname(), config.nodeName], clock })
}

/** Opens what is configured, and writes the kubeconfig for the first TCP address. @throws Error with words for the operator */
export async function openListeners(server: ApiServer, config: AgentConfig, { tls, publish }: Access): Promise<void> {
  const addresses = config.listen.map(parseListen)
  await server.listen({
    unix: { path: config.socketPath, group: config.socketGroup },
    tcp: addresses.map((address) => ({ ...address, tls })),
  })
  const [first] = addresses
  if (first !== undefined) await publish(`https://${urlHost(first.host)}:${first.port}`, server.resources)
}

/** A server that listens on all addresses is reached on loopback by its own host. */
function urlHost(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}
