/** What the host's own network uses, read with `ip` in its JSON form. */
import { execa } from 'execa'

export interface HostAddresses {
  /** Blocks of all addresses and routes, IPv4. */
  readonly cidrs: readonly string[]
  /** Names of all network interfaces. */
  readonly interfaces: readonly string[]
}

const TIMEOUT_MS = 10_000

/** @throws when `ip` is missing, fails or says what cannot be read */
export async function readHostAddresses(signal: AbortSignal): Promise<HostAddresses> {
  const [links, routes] = await Promise.all([
    ip(['-json', 'addr', 'show'], signal),
    ip(['-json', '-4', 'route', 'show', 'table', 'all'], signal),
  ])
  const { cidrs, interfaces } = parseAddresses(links)
  return { cidrs: [...cidrs, ...parseRoutes(routes)], interfaces }
}

async function ip(args: readonly string[], signal: AbortSignal): Promise<string> {
  const { stdout } = await execa('ip', args, { cancelSignal: signal, timeout: TIMEOUT_MS, stdin: 'ignore' })
  return stdout
}

/** Reads `ip -json addr show`. */
export function parseAddresses(json: string): HostAddresses {
  const links = records(json)
  return {
    interfaces: links.flatMap((link) => (typeof link.ifname === 'string' ? [link.ifname] : [])),
    cidrs: links.flatMap((link) => toRecords(link.addr_info)).flatMap(addressBlock),
  }
}

function addressBlock(address: Readonly<Record<string, unknown>>): string[] {
  const { family, local, prefixlen } = address
  return family === 'inet' && typeof local === 'string' && typeof prefixlen === 'number'
    ? [`${local}/${prefixlen}`]
    : []
}

/** Reads `ip -json route show`; `default` is no block and left out. */
export function parseRoutes(json: string): string[] {
  return records(json).flatMap(({ dst }) => (typeof dst === 'string' && dst !== 'default' ? [dst] : []))
}

/** `ip` prints nothing at all, not even a list, where there is nothing to list. */
function records(json: string): Readonly<Record<string, unknown>>[] {
  return json.trim() === '' ? [] : toRecords(JSON.parse(json))
}

function toRecords(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'object' && item !== null) : []
}
