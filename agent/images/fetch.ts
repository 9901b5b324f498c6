// Opens an HTTP(S) download as a stream of checked bytes. What the bytes mean is not its business.
import type { LookupAddress } from 'node:dns'
import { isIPv6 } from 'node:net'
import { rootCertificates } from 'node:tls'
import type { Agent, Dispatcher } from 'undici'
import { ImportError, refused, transport } from './errors.ts'
import { type Names, parseUrl, reach, shown, systemNames, type Target } from './reach.ts'

export interface DownloadOptions {
  readonly url: string
  /** PEM certificates in base64; they are trusted beside the usual ones. */
  readonly caBundle?: string
  readonly allow: readonly string[]
  readonly maxBytes: bigint
  readonly stallTimeoutMs: number
  readonly totalTimeoutMs: number
  /** True when a checksum is going to prove the content, whatever the way it came. */
  readonly checked?: boolean
  readonly names?: Names
}

export interface Download {
  /** The content, as the server has it. Ends only when complete; fails with an ImportError. */
  readonly chunks: AsyncIterable<Buffer>
  /** Length that the server promises, null when it doesn't say. */
  readonly total: number | null
}

const MAX_REDIRECTS = 5
const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** Answers that another try may change. */
const TEMPORARY = new Set([408, 425, 429])
const CONNECT_TIMEOUT_MS = 30_000
/** What must come in each stretch of `stallTimeoutMs` that is spent waiting: a server that drips would hold its place in the queue for hours. */
const LEAST_BYTES = 65_536

/** Loaded at the first download: 8 MiB that an agent without imports does not hold. */
const loadHttp = () => import('undici')
type Http = Awaited<ReturnType<typeof loadHttp>>

/**
 * Calls `use` with the open download and closes the connection when that has ended, however it ended.
 * The deadline covers everything, `use` included.
 * @throws ImportError; what `use` throws; the reason of `signal`
 */
export async function download<T>(
  options: DownloadOptions,
  use: (download: Download, signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const deadline = AbortSignal.timeout(options.totalTimeoutMs)
  const both = AbortSignal.any([signal, deadline])
  const http = await loadHttp()
  let dispatcher: Agent | undefined
  try {
    let url = parseUrl(options.url)
    const first = url
    for (let hops = 0; ; hops += 1) {
      const target = await reach(url, options.allow, options.names ?? systemNames, both)
      await dispatcher?.destroy()
      dispatcher = pinned(http, target, options)
      const headers = url.origin === first.origin ? credentials(first) : {}
      const response = await ask(http, target, { headers, dispatcher, signal: both }).catch((error: unknown) => {
        throw inWords(error, options)
      })
      if (!REDIRECTS.has(response.statusCode)) return await use(open(response, url, options), both)
      response.body.on('error', () => {}).destroy()
      if (hops === MAX_REDIRECTS) throw refused(`more than ${MAX_REDIRECTS} redirects, the last to ${shown(url)}`)
      url = nextUrl(url, response, options.checked === true)
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (deadline.aborted) {
      throw transport(`the download did not finish within ${seconds(options.totalTimeoutMs)}`, { cause: error })
    }
    throw error
  } finally {
    await dispatcher?.destroy()
  }
}

/** A client that connects to the judged addresses only, whatever the name resolves to by now. */
function pinned(http: Http, { addresses }: Target, options: DownloadOptions): Agent {
  const all: LookupAddress[] = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
  return new http.Agent({
    connections: 1,
    headersTimeout: options.stallTimeoutMs,
    bodyTimeout: options.stallTimeoutMs,
    connect: {
      timeout: Math.min(CONNECT_TIMEOUT_MS, options.stallTimeoutMs),
      ...(options.caBundle === undefined ? {} : { ca: [...rootCertificates, decodeBundle(options.caBundle)] }),
      lookup: (_host, wanted, done) => {
        if (wanted.all) return done(null, all)
        const [one] = all
        if (one === undefined) return done(new Error('no address'), '', 0)
        done(null, one.address, one.family)
      },
    },
  })
}

function decodeBundle(bundle: string): string {
  const pem = Buffer.from(bundle, 'base64').toString('latin1')
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw refused('caBundle holds no PEM certificate')
  return pem
}

function credentials({ username, password }: URL): Record<string, string> {
  if (username === '') return {}
  try {
    const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
  } catch {
    throw refused('the user name or password in the URL is not well percent-encoded')
  }
}

interface Asking {
  readonly headers: Readonly<Record<string, string>>
  readonly dispatcher: Agent
  readonly signal: AbortSignal
}

function ask(http: Http, { url }: Target, { headers, dispatcher, signal }: Asking) {
  const plain = new URL(url)
  plain.username = ''
  plain.password = ''
  // "identity": the checksum is of the file as stored there, and compression is told from the bytes.
  return http.request(plain, {
    dispatcher,
    signal,
    headers: { ...headers, 'accept-encoding': 'identity', 'user-agent': 'berth-importer' },
  })
}

function nextUrl(from: URL, { headers }: Dispatcher.ResponseData, checked: boolean): URL {
  const { location } = headers
  if (typeof location !== 'string') throw refused(`${shown(from)} redirects to nowhere`)
  const to = parseUrl(location, from)
  if (from.protocol === 'https:' && to.protocol === 'http:' && !checked) {
    throw refused(`${shown(from)} redirects from https to http: give a checksum, or the http URL itself`)
  }
  return to
}

function open(response: Dispatcher.ResponseData, url: URL, options: DownloadOptions): Download {
  const { statusCode, headers, body } = response
  if (statusCode !== 200) {
    body.on('error', () => {}).destroy()
    const message = `${shown(url)} answered ${statusCode}`
    throw statusCode >= 500 || TEMPORARY.has(statusCode) ? transport(message) : refused(message)
  }
  const length = headers['content-length']
  const total = typeof length === 'string' && /^\d{1,15}$/.test(length) ? Number(length) : null
  if (total !== null && BigInt(total) > options.maxBytes) {
    body.on('error', () => {}).destroy()
    throw tooLarge(options.maxBytes, `${total} bytes`)
  }
  return { chunks: checked(body, total, options), total }
}

const tooLarge = (max: bigint, size: string): ImportError =>
  refused(`the download is too large: ${size}, importer.maxBytes is ${max}`)

async function* checked(body: AsyncIterable<Buffer>, total: number | null, options: DownloadOptions) {
  let bytes = 0
  try {
    for await (const chunk of brisk(body, options.stallTimeoutMs)) {
      bytes += chunk.length
      if (BigInt(bytes) > options.maxBytes) throw tooLarge(options.maxBytes, 'it does not end')
      yield chunk
    }
  } catch (error) {
    if (!(error instanceof ImportError) && total !== null && isCut(error)) throw truncated(bytes, total, error)
    throw inWords(error, options)
  }
  if (total !== null && bytes !== total) throw truncated(bytes, total)
}

/** Counts only the time that is spent waiting for the server: a slow consumer is not its fault. @throws ImportError */
export async function* brisk(body: AsyncIterable<Buffer>, stretchMs: number): AsyncGenerator<Buffer> {
  let [waitedMs, came, since] = [0, 0, performance.now()]
  for await (const chunk of body) {
    waitedMs += performance.now() - since
    came += chunk.length
    if (came >= LEAST_BYTES) [waitedMs, came] = [0, 0]
    else if (waitedMs > stretchMs)
      throw transport(`the download is too slow: less than ${LEAST_BYTES} bytes came in ${seconds(stretchMs)}`)
    yield chunk
    since = performance.now()
  }
}

const truncated = (bytes: number, total: number, cause?: unknown): ImportError =>
  transport(`the download was truncated: ${bytes} of ${total} bytes came`, { cause })

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : ''

const isCut = (error: unknown): boolean =>
  ['UND_ERR_SOCKET', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH', 'ECONNRESET', 'UND_ERR_ABORTED'].includes(codeOf(error))

/** Any fault of the connection as an ImportError. */
function inWords(error: unknown, options: DownloadOptions): unknown {
  if (error instanceof ImportError || !(error instanceof Error)) return error
  if (error instanceof AggregateError && error.errors.length > 0) return inWords(error.errors[0], options)
  switch (codeOf(error)) {
    case 'UND_ERR_BODY_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
      return transport(`the download stalled: no data for ${seconds(options.stallTimeoutMs)}`, { cause: error })
    case 'UND_ERR_CONNECT_TIMEOUT':
      return transport('the server could not be reached in time', { cause: error })
    case 'ECONNREFUSED':
      return transport('the server refused the connection', { cause: error })
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
      return transport('the server closed the connection', { cause: error })
    default:
      return transport(`the download failed: ${error.message}`, { cause: error })
  }
}

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`
