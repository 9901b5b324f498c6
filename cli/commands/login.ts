// `berth login`: a server's address, its authority and a token, tried and then kept in a kubeconfig.
import { readFile } from 'node:fs/promises'
import { Client } from '../../lib/client/client.ts'
import { shownAuthority } from '../../lib/client/server-authority.ts'
import type { Target } from '../../lib/client/target.ts'
import { readLine } from '../console/prompt.ts'
import { oneLine } from '../format/text.ts'
import { type Io, note, print } from '../io.ts'
import { saveLogin } from '../login/kubeconfig-file.ts'
import { loginFile } from '../login/path.ts'
import type { GlobalOptions } from '../session.ts'
import { UsageError } from '../usage.ts'
import { packageVersion } from '../version.ts'

export interface LoginOptions extends GlobalOptions {
  readonly server: string
  readonly ca?: string
  readonly caFingerprint?: string
  readonly token?: string
}

export async function login(options: LoginOptions, io: Io): Promise<void> {
  const url = serverUrl(options.server)
  if (options.token !== undefined && options.token !== '-')
    throw new UsageError(
      '--token takes only "-": a token on the command line would be seen by everybody on this machine',
    )
  const path = options.kubeconfig ?? (io.env.BERTH_KUBECONFIG || loginFile(io.env))
  if (path === null) throw new UsageError('there is no home folder to keep the login in: give --kubeconfig FILE')
  const ca = await authority(options, url, io)
  const token = await readToken(options, io)
  const namespace = options.namespace ?? 'default'
  const server = url.href.replace(/\/+$/, '')
  const target: Target = {
    label: server,
    origin: url.origin,
    prefix: url.pathname.replace(/\/+$/, ''),
    tls: ca === undefined ? {} : { ca },
    token,
    namespace,
  }
  const user = await whoami(target, io)
  const name = options.context ?? url.host
  await saveLogin(path, { name, server, ...(ca === undefined ? {} : { ca }), token, namespace })
  print(io, `logged in to ${server} as ${oneLine(user)}; kept in ${path}`)
  if (path === loginFile(io.env))
    note(io, 'berth asks this server from now on; --socket PATH asks the agent on this host')
}

function serverUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.protocol !== 'https:' || url.username !== '' || url.search !== '')
    throw new UsageError(`--server must be an https URL such as https://host:8750, not "${text}"`)
  return url
}

/** PEM of whom to trust; undefined for those that the system trusts. */
async function authority(options: LoginOptions, url: URL, io: Io): Promise<string | undefined> {
  if (options.ca !== undefined) return await readFile(options.ca, 'utf8')
  const shown = await shownAuthority(url, io.signal)
  if (options.caFingerprint !== undefined) {
    if (bare(options.caFingerprint) === bare(shown.fingerprint)) return shown.pem
    throw new Error(`the authority of ${url.host} has the fingerprint ${shown.fingerprint}, not the one that you gave`)
  }
  if (shown.known) return undefined
  note(io, `The authority of ${url.host} is not known on this machine:`)
  note(io, `  ${oneLine(shown.subject)}\n  SHA-256 ${shown.fingerprint}`)
  note(io, '"berth-agent certs show" on the server prints the same, when nobody stands between.')
  if (io.stdin.isTTY !== true)
    throw new UsageError('nobody can be asked here: give --ca FILE or --ca-fingerprint SHA256')
  io.stderr.write('Is it the right one? [y/N] ')
  if (!['y', 'yes'].includes((await readLine(io))?.toLowerCase() ?? '')) throw new Error('not logged in')
  return shown.pem
}

const bare = (fingerprint: string): string =>
  fingerprint
    .replace(/^sha256:/i, '')
    .replaceAll(':', '')
    .toLowerCase()

/** From a prompt that does not show it, or from the standard input. */
async function readToken({ token: asked }: LoginOptions, io: Io): Promise<string> {
  const hidden = io.stdin.isTTY === true && asked === undefined
  if (hidden) io.stderr.write('Token: ')
  const token = (await readSecret(io, hidden)).trim()
  if (hidden) io.stderr.write('\n')
  if (token === '') throw new UsageError('no token was given')
  return token
}

/** A line, or all up to the end. Hidden, the terminal is raw while it is typed: no echo. */
function readSecret({ stdin, signal }: Io, hidden: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    if (hidden) stdin.setRawMode?.(true)
    const finish = (settle: () => void) => {
      if (hidden) stdin.setRawMode?.(false)
      stdin.pause()
      stdin.off('data', onData).off('end', onEnd)
      signal.removeEventListener('abort', onAbort)
      settle()
    }
    const onEnd = () => finish(() => resolve(text))
    const onAbort = () => finish(() => reject(signal.reason))
    const onData = (chunk: Uint8Array | string) => {
      for (const char of Buffer.from(chunk).toString('utf8')) {
        if (char === '\r' || char === '\n') return onEnd()
        // Ctrl-C and Ctrl-D do not reach the process as signals in raw mode.
        if (char === '\x03' || char === '\x04') return finish(() => reject(new Error('not logged in')))
        text = char === '\x7f' || char === '\b' ? text.slice(0, -1) : text + char
      }
      return undefined
    }
    signal.addEventListener('abort', onAbort, { once: true })
    stdin.on('data', onData).once('end', onEnd)
    stdin.resume()
  })
}

async function whoami(target: Target, io: Io): Promise<string> {
  const client = new Client(target, `berth/${packageVersion()}`)
  try {
    const answer = await client.transport.json({
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      signal: io.signal,
    })
    const { status } = answer as { readonly status?: { readonly userInfo?: { readonly username?: string } } }
    return status?.userInfo?.username ?? 'unknown'
  } finally {
    await client.close()
  }
}
