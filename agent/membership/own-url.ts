// Where other hosts find this agent: one of the addresses that it listens on.
import { parseListen } from '../../lib/server/listen.ts'

const LOOPBACK = /^(127\.|::1$|localhost$)/
const ANY = /^(0\.0\.0\.0|::)$/

const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** An IPv4 address that Node shows in IPv6's clothes. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '')

/**
 * @param listen of the configuration
 * @param local the address of this host on the way to the scheduler
 * @throws Error with words for the operator when others cannot reach the agent
 */
export function ownUrl(
  listen: readonly string[],
  local: string,
): { readonly url: string; readonly addresses: readonly string[] } {
  const address = plain(local)
  const all = listen.map(parseListen)
  const chosen =
    all.find(({ host }) => host === address) ??
    all.find(({ host }) => !LOOPBACK.test(host) && !ANY.test(host)) ??
    all.find(({ host }) => ANY.test(host) && !LOOPBACK.test(address)) ??
    // Scheduler and agent on one machine.
    (LOOPBACK.test(address) ? all[0] : undefined)
  if (chosen === undefined)
    throw new Error(
      `the agent listens on ${listen.join(', ') || 'no address'} only, where other hosts cannot reach it: add "${inUrl(address)}:8750" to \`listen\` in its configuration and restart it`,
    )
  const host = ANY.test(chosen.host) ? address : chosen.host
  const more = all.map((one) => one.host).filter((one) => !LOOPBACK.test(one) && !ANY.test(one))
  const named = host === 'localhost' ? [] : [host]
  return { url: `https://${inUrl(host)}:${chosen.port}`, addresses: [...new Set([...named, ...more])] }
}
