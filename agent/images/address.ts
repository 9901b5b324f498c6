// Which network addresses an importer may reach. Pure: names are resolved elsewhere.
import ipaddr from 'ipaddr.js'

/** Ranges that never lead to a server elsewhere (names of ipaddr.js). */
const CLOSED_RANGES: Readonly<Record<string, string>> = {
  loopback: 'a loopback address',
  linkLocal: 'a link-local address',
  unspecified: 'an address of this host',
  multicast: 'a multicast address',
  broadcast: 'a broadcast address',
}

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Four bytes that follow each other. */
const run = (from: number): readonly number[] => [from, from + 1, from + 2, from + 3]
/** Of a 48-bit prefix: byte 8 is left out (RFC 6052, 2.2). */
const AFTER_48 = [6, 7, 9, 10]

/** Bytes of an IPv6 address that hold an IPv4 one, by prefix: translation and tunnel forms lead to that IPv4 host. */
interface Embedding {
  readonly prefix: string
  readonly at: readonly number[]
  readonly inverted?: true
  /** Zeros there say that another form is meant. */
  readonly unlessZero?: true
}

const EMBEDDINGS: readonly Embedding[] = [
  { prefix: '::ffff:0:0/96', at: run(12) },
  { prefix: '::ffff:0:0:0/96', at: run(12) },
  { prefix: '64:ff9b::/96', at: run(12) },
  // RFC 8215: any prefix of this range may be a translator's; the two usual lengths.
  { prefix: '64:ff9b:1::/48', at: run(12) },
  { prefix: '64:ff9b:1::/48', at: AFTER_48, unlessZero: true },
  { prefix: '2002::/16', at: run(2) },
  { prefix: '2001::/32', at: run(12), inverted: true },
  { prefix: '::/96', at: run(12) },
]

/**
 * Why an address may not be reached, or null when it may.
 * @param own addresses of this host, any textual form
 */
export function closedAddress(text: string, own: readonly string[]): string | null {
  const address = parse(text)
  if (address === null) return 'not an IP address'
  const forms = [address, ...embedded(address)]
  const mine = new Set(own.flatMap((other) => parse(other)?.toNormalizedString() ?? []))
  for (const form of forms) {
    const closed = closedRange(form)
    if (closed !== null) return closed
    if (mine.has(form.toNormalizedString())) return 'an address of this host'
  }
  return null
}

/** True when `text` is an IP address in the form that URL and resolver produce. */
export const isAddress = (text: string): boolean => parse(text) !== null

function parse(text: string): Address | null {
  const bare = text.replace(/^\[|\]$/g, '').replace(/%.*$/, '')
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return ipaddr.IPv4.parse(bare)
  return ipaddr.IPv6.isValid(bare) ? ipaddr.IPv6.parse(bare) : null
}

function closedRange(address: Address): string | null {
  // Linux takes all of 0.0.0.0/8 and class E for itself or for nothing; ipaddr.js calls the latter "reserved".
  if (address instanceof ipaddr.IPv4 && (address.octets[0] === 0 || (address.octets[0] ?? 0) >= 240)) {
    return 'a reserved address'
  }
  return CLOSED_RANGES[address.range()] ?? null
}

function embedded(address: Address): Address[] {
  if (!(address instanceof ipaddr.IPv6)) return []
  const bytes = address.toByteArray()
  return EMBEDDINGS.flatMap(({ prefix, at, inverted, unlessZero }) => {
    const [network, bits] = ipaddr.IPv6.parseCIDR(prefix)
    if (!address.match(network, bits)) return []
    const part = at.map((index) => bytes[index] ?? 0)
    if (unlessZero && part.every((byte) => byte === 0)) return []
    return [new ipaddr.IPv4(inverted ? part.map((byte) => byte ^ 0xff) : part)]
  })
}
