// Decides where a URL may lead: parses it, resolves its name once, and gives the addresses to connect to and no others.
import { lookup } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { closedAddress, isAddress } from './address.ts'
import { refused, transport } from './errors.ts'

/** How names and this host are looked up; replaced in tests. */
export interface Names {
  /** Addresses of a name, in the order of preference. */
  readonly resolve: (host: string) => Promise<readonly string[]>
  /** All addresses of this host at this moment. */
  readonly own: () => readonly string[]
}

export const systemNames: Names = {
  resolve: async (host) => (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address),
  own: () => Object.values(networkInterfaces()).flatMap((addresses) => (addresses ?? []).map(({ address }) => address)),
}

/** A URL with the addresses that its connection may go to. */
export interface Target {
  readonly url: URL
  /** Non-empty. */
  readonly addresses: readonly string[]
}

/** Parses and judges the scheme. Credentials stay in the URL; use {@link shown} for messages. @throws ImportError */
export function parseUrl(text: string, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw refused('the URL is not valid')
  const url = new URL(text, base)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw refused(`only http and https URLs can be downloaded, not ${url.protocol.slice(0, -1)}`)
  }
  return url
}

/** A URL for messages: without user, password, query and fragment, which may be secret. */
export const shown = (url: URL): string => `${url.protocol}//${url.host}${url.pathname}`

/** The host of a URL without the brackets of an IPv6 address. */
const bareHost = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '')

/**
 * Resolves the URL's name once and keeps the addresses that may be reached.
 * @param allow entries `address:port` or `host:port` of the configuration
 * @throws ImportError when none may, naming the address and the setting that would allow it
 */
export async function reach(url: URL, allow: readonly string[], names: Names, signal: AbortSignal): Promise<Target> {
  const host = bareHost(url)
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port
  const addresses = isAddress(host) ? [host] : await resolved(host, names, signal)
  const allowed = new Set(allow.map(canonical))
  if (allowed.has(canonical(`${url.hostname}:${port}`))) return { url, addresses }
  const own = names.own()
  const judged = addresses.map((address) => ({
    address,
    closed: allowed.has(canonical(joined(address, port))) ? null : closedAddress(address, own),
  }))
  const open = judged.filter(({ closed }) => closed === null).map(({ address }) => address)
  if (open.length > 0) return { url, addresses: open }
  const first = judged[0]
  if (first === undefined) throw transport(`the name ${host} has no address`)
  throw refused(
    `${host === first.address ? first.address : `${host} (${first.address})`} is ${first.closed}: downloads from there are not allowed unless importer.allow lists ${joined(first.address, port)}`,
  )
}

/** A resolver can't be interrupted, so it is left behind. */
async function resolved(host: string, names: Names, signal: AbortSignal): Promise<readonly string[]> {
  const stop = new AbortController()
  const aborted = new Promise<never>((_resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true, signal: stop.signal })
  })
  try {
    return await Promise.race([names.resolve(host), aborted])
  } catch (cause) {
    throw signal.aborted ? cause : transport(`the name ${host} could not be resolved`, { cause })
  } finally {
    stop.abort()
  }
}

const joined = (address: string, port: string): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** One text for one `host:port`, whatever its case or IPv6 notation. */
function canonical(entry: string): string {
  const at = entry.lastIndexOf(':')
  const [host, port] = [entry.slice(0, at), entry.slice(at + 1)]
  const bracketed = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host
  const text = `http://${bracketed}/`
  return `${URL.canParse(text) ? new URL(text).hostname : host.toLowerCase()}:${port}`
}
