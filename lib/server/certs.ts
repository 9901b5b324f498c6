// `PROGRAM certs`: the certificates of a server's API, seen, renewed and issued, beside the running server or without one.
import { X509Certificate } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KEYS_FOLDER } from '../apiserver/auth/access.ts'
import { issueClient, peekIdentity, renewIdentity } from '../apiserver/auth/certificates.ts'
import { kubeconfig } from '../apiserver/auth/kubeconfig.ts'
import { TlsKeeper } from '../apiserver/auth/tls-keeper.ts'
import { systemClock } from '../clock.ts'
import type { ServerConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { keeperOptions, type Served, serverUrl } from './listen.ts'
import { type ServerProgram, USAGE_COLUMN, usageLines } from './program.ts'

export const certsUsage = (program: ServerProgram): string =>
  `${usageLines(program, [
    ['certs show', 'the certificates of the API: names, authority, end'],
    ['certs renew', 'a new server certificate; the running server takes it within seconds'],
  ])}${program.name} certs issue --user NAME [--group NAME]... [--days ${DEFAULT_DAYS}] [--server URL] [--out FILE]
${' '.repeat(USAGE_COLUMN)}a kubeconfig with a client certificate, to FILE (0600) or the standard output
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
export async function certs(
  program: ServerProgram,
  served: Served,
  words: readonly string[],
  options: IssueOptions,
): Promise<string> {
  const [verb, ...more] = words
  const given = (['user', 'group', 'days', 'server', 'out'] as const).find((name) => options[name] !== undefined)
  if (more.length > 0) throw new ConfigError('command line', `unknown argument ${more[0]}\n${certsUsage(program)}`)
  if (verb === 'issue') return issue(program, served, options)
  if (given !== undefined)
    throw new ConfigError('command line', `--${given} belongs to certs issue\n${certsUsage(program)}`)
  if (verb === 'show') return show(served)
  if (verb === 'renew') return renew(served)
  throw new ConfigError('command line', `certs needs show, renew or issue\n${certsUsage(program)}`)
}

const folderOf = (config: ServerConfig): string => join(config.stateDir, KEYS_FOLDER)

async function show(served: Served): Promise<string> {
  const { config } = served
  const own = await peekIdentity(folderOf(config))
  const tls = await TlsKeeper.peek(keeperOptions(served, systemClock))
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

async function renew(served: Served): Promise<string> {
  const { config } = served
  if (config.tls.certFile !== undefined)
    throw new Error(
      `the certificate is that of tls.certFile: put a new one into ${config.tls.certFile} and ${config.tls.keyFile}, the server takes it by itself`,
    )
  const { folder, addresses } = keeperOptions(served, systemClock)
  await renewIdentity({ folder, addresses })
  const { cert } = await peekIdentity(folder)
  return `renewed; the running server takes it within seconds\n${lines('server (built-in authority)', cert).join('\n')}\n`
}

async function issue(program: ServerProgram, served: Served, options: IssueOptions): Promise<string> {
  const { config } = served
  const { user, group: groups = [], days = String(DEFAULT_DAYS), out } = options
  if (user === undefined) throw new ConfigError('command line', `certs issue needs --user NAME\n${certsUsage(program)}`)
  if (!/^\d{1,5}$/.test(days)) throw new ConfigError('command line', '--days must be a whole number')
  const server = options.server ?? serverUrl(config)
  if (server === null || !URL.canParse(server) || new URL(server).protocol !== 'https:')
    throw new ConfigError('command line', '--server must be the https URL under which clients reach this server')
  const credentials = await issueClient(folderOf(config), { user, groups, days: Number(days) })
  const tls = await TlsKeeper.peek(keeperOptions(served, systemClock))
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
