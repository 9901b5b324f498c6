// `berth-agent certs`: the certificates of this host's API, seen, renewed and issued, beside a running agent or without one.
import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KEYS_FOLDER } from '../lib/apiserver/auth/access.ts'
import { issueClient, peekIdentity, renewIdentity } from '../lib/apiserver/auth/certificates.ts'
import { kubeconfig } from '../lib/apiserver/auth/kubeconfig.ts'
import { TlsKeeper } from '../lib/apiserver/auth/tls-keeper.ts'
import { systemClock } from '../lib/clock.ts'
import type { AgentConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { keeperOptions, serverUrl } from './listen.ts'

export const CERTS_USAGE = `berth-agent certs show                           the certificates of the API: names, authority, end
berth-agent certs renew                          a new server certificate; a running agent takes it within seconds
berth-agent certs issue --user NAME [--group NAME]... [--days 90] [--server URL] [--out FILE]
                                                 a kubeconfig with a client certificate, to FILE (0600) or the standard output
`

const DEFAULT_DAYS = 90

/** Options of `certs issue`, for `parseArgs`. */
export const CERTS_OPTIONS = {
  user: { type: 'string' },
  group: { type: 'string', multiple: true },
  days: { type: 'string' },
  server: { type: 'string' },
  out: { type: 'string' },
} as const

export interface IssueOptions {
  readonly user?: string
  readonly group?: readonly string[]
  readonly days?: string
  readonly server?: string
  readonly out?: string
}

/** @returns what to print @throws ConfigError for a wrong command line, Error with words for the operator */
export async function certs(config: AgentConfig, words: readonly string[], options: IssueOptions): Promise<string> {
  const [verb, ...more] = words
  const given = (['user', 'group', 'days', 'server', 'out'] as const).find((name) => options[name] !== undefined)
  if (more.length > 0) throw new ConfigError('command line', `unknown argument ${more[0]}\n${CERTS_USAGE}`)
  if (verb === 'issue') return issue(config, options)
  if (given !== undefined) throw new ConfigError('command line', `--${given} belongs to certs issue\n${CERTS_USAGE}`)
  if (verb === 'show') return show(config)
  if (verb === 'renew') return renew(config)
  throw new ConfigError('command line', `certs needs show, renew or issue\n${CERTS_USAGE}`)
}

const folderOf = (config: AgentConfig): string => join(config.stateDir, KEYS_FOLDER)

async function show(config: AgentConfig): Promise<string> {
  const own = await peekIdentity(folderOf(config))
  const tls = await TlsKeeper.peek(keeperOptions(config, systemClock))
  return [
    ...lines(
      config.tls.certFile === undefined ? 'server (built-in authority)' : `server (${config.tls.certFile})`,
      tls.cert,
    ),
    ...lines('built-in authority', own.ca),
    ...(config.tls.clientCaFile === undefined
      ? []
      : lines(`authority of clients (${config.tls.clientCaFile})`, tls.clientCas.at(-1) ?? '')),
    '',
  ].join('\n')
}

function lines(title: string, pem: string): readonly string[] {
  const { subject, subjectAltName, issuer, validFrom, validTo, fingerprint256 } = new X509Certificate(pem)
  return [
    title,
    `  subject      ${subject.replaceAll('\n', ', ')}`,
    ...(subjectAltName === undefined ? [] : [`  names        ${subjectAltName}`]),
    `  authority    ${issuer.replaceAll('\n', ', ')}`,
    `  valid        ${iso(validFrom)} to ${iso(validTo)}`,
    `  SHA-256      ${fingerprint256}`,
  ]
}

const iso = (date: string): string => new Date(date).toISOString().replace('.000Z', 'Z')

async function renew(config: AgentConfig): Promise<string> {
  if (config.tls.certFile !== undefined)
    throw new Error(
      `the certificate is that of tls.certFile: put a new one into ${config.tls.certFile} and ${config.tls.keyFile}, the agent takes it by itself`,
    )
  const { folder, addresses } = keeperOptions(config, systemClock)
  await renewIdentity({ folder, addresses })
  const { cert } = await peekIdentity(folder)
  return `renewed; a running agent takes it within seconds\n${lines('server (built-in authority)', cert).join('\n')}\n`
}

async function issue(config: AgentConfig, options: IssueOptions): Promise<string> {
  const { user, group: groups = [], days = String(DEFAULT_DAYS), out } = options
  if (user === undefined) throw new ConfigError('command line', `certs issue needs --user NAME\n${CERTS_USAGE}`)
  if (!/^\d{1,5}$/.test(days)) throw new ConfigError('command line', '--days must be a whole number')
  const server = options.server ?? serverUrl(config)
  if (server === null || !URL.canParse(server) || new URL(server).protocol !== 'https:')
    throw new ConfigError('command line', '--server must be the https URL under which clients reach this agent')
  const credentials = await issueClient(folderOf(config), { user, groups, days: Number(days) })
  const tls = await TlsKeeper.peek(keeperOptions(config, systemClock))
  const serverName = tls.nameFor(new URL(server).hostname.replace(/^\[|\]$/g, ''))
  const text = kubeconfig({
    server,
    ca: tls.ca,
    user,
    credentials,
    ...(serverName === null ? {} : { serverName }),
  })
  if (out === undefined) return text
  await writeFile(out, text, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    throw new Error(`cannot write ${out}: ${error.code === 'EEXIST' ? 'it is there already' : error.message}`)
  })
  return `${out}: user ${user}${groups.length > 0 ? `, groups ${groups.join(', ')}` : ''}, ${days} days\n`
}
