// Servers and names that lie: bodies that change between tries, lengths, headers and answers out of order, redirects to where nobody may go,
// names that point elsewhere the second time.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect, promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ImporterConfig } from '../../../agent/images/config.ts'
import { ContentStore } from '../../../agent/images/content-store.ts'
import { ImportQueue } from '../../../agent/images/import-queue.ts'
import { type HttpSource, Importer } from '../../../agent/images/importer.ts'
import { systemClock } from '../../../lib/clock.ts'
import { silentLog } from '../../../lib/reconcile/log.ts'
import { startDns } from '../../support/dns-server.ts'
import { startServer, type TestServer } from './server.ts'

const exec = promisify(execFile)
const MIB = 1 << 20
/** A busy machine takes its time. */
const POLL = { timeout: 60_000 }

let dir: string
let state: string
let server: TestServer
/** Nobody may come here. */
let canary: TestServer
let content: ContentStore

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-servers-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))
beforeEach(async () => {
  ;[server, canary] = await Promise.all([startServer(), startServer()])
  state = await mkdtemp(join(dir, 'state-'))
  content = new ContentStore({ dir: join(state, 'images'), diskDigests: async () => [] })
  await content.open()
})
afterEach(async () => {
  expect(canary.hits.size).toBe(0)
  await Promise.all([server.close(), canary.close()])
})

const importer = (changes: Partial<ImporterConfig> = {}): Importer =>
  new Importer({
    content,
    config: {
      allow: [`127.0.0.1:${server.port}`],
      maxBytes: BigInt(64 * MIB),
      maxVirtualBytes: BigInt(64 * MIB),
      stallTimeoutMs: 15_000,
      totalTimeoutMs: 60_000,
      concurrency: 1,
      ...changes,
    },
  })

const take = (source: HttpSource, changes: Partial<ImporterConfig> = {}) =>
  importer(changes).import({ source, claim: { uid: 'uid', object: {} } }, () => {}, AbortSignal.timeout(60_000))

const stored = async () => (await readdir(join(state, 'images/sha256'))).filter((name) => !name.endsWith('.json'))

/** A raw disk of one letter. */
const disk = (letter: string): Buffer => Buffer.alloc(MIB, letter)
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** A server that says byte for byte what it is told to. */
async function rawServer(talk: (socket: Socket) => void) {
  const raw = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => talk(socket))
  })
  const sockets = new Set<Socket>()
  raw.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => raw.listen(0, '127.0.0.1', resolve))
  const address = raw.address()
  const place = `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
  return {
    source: { url: `http://${place}/x` },
    allow: { allow: [place] },
    close: () => {
      for (const socket of sockets) socket.destroy()
      raw.close()
    },
  }
}

async function talking(talk: (socket: Socket) => void, changes: Partial<ImporterConfig> = {}) {
  const raw = await rawServer(talk)
  try {
    return await take(raw.source, { ...raw.allow, ...changes })
  } finally {
    raw.close()
  }
}

describe('a body that changes between tries', () => {
  /** The first try ends in the middle of one body, the next have the other one. */
  function changing(first: Buffer, later: Buffer): { readonly url: string; readonly ranges: (string | undefined)[] } {
    const ranges: (string | undefined)[] = []
    const url = server.route('/x', (request, response) => {
      ranges.push(request.headers.range)
      if (ranges.length > 1) return response.writeHead(200, { 'content-length': later.length }).end(later)
      response.writeHead(200, { 'content-length': first.length, etag: '"one"', 'accept-ranges': 'bytes' })
      response.write(first.subarray(0, first.length / 2), () => response.destroy())
    })
    return { url, ranges }
  }

  async function queued(source: HttpSource) {
    const queue = new ImportQueue({
      importer: importer(),
      clock: systemClock,
      log: silentLog,
      concurrency: 1,
      retryMs: 1,
    })
    const job = { namespace: 'default', request: { source, claim: { uid: 'uid', object: {} } }, onChange: () => {} }
    try {
      await expect
        .poll(async () => {
          // Asked for again when it is done, it would begin again.
          if (queue.state('uid')?.kind !== 'done') await queue.ensure(job)
          const now = queue.state('uid')
          return now?.kind === 'done' || (now?.kind === 'failed' && now.retryAt === null)
        }, POLL)
        .toBe(true)
      return queue.state('uid')
    } finally {
      await queue.stop()
    }
  }

  it('is never mixed: each try begins anew', async () => {
    const { url, ranges } = changing(disk('a'), disk('b'))
    expect(await queued({ url })).toMatchObject({ kind: 'done' })
    const [digest = ''] = await stored()
    const back = join(state, 'back')
    await exec('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', content.path(digest), back])
    expect((await readFile(back)).equals(disk('b'))).toBe(true)
    expect(ranges).toEqual([undefined, undefined])
  })

  it('is not taken for the one that the checksum is of', async () => {
    const { url } = changing(disk('a'), disk('b'))
    const state = await queued({ url, checksum: { sha256: sha256(disk('a')) } })
    expect(state).toMatchObject({ kind: 'failed', message: expect.stringMatching(/sha256 checksum is wrong/) })
    expect(await stored()).toEqual([])
  })
})

describe('answers that lie', () => {
  const head = 'HTTP/1.1 200 OK\r\n'
  const cases: readonly [string, RegExp, (socket: Socket) => void][] = [
    ['a part (206)', /answered 206/, (s) => s.end('HTTP/1.1 206 Partial Content\r\ncontent-length: 1\r\n\r\nx')],
    ['two lengths', /the download failed/, (s) => s.end(`${head}content-length: 3\r\ncontent-length: 5\r\n\r\nabcde`)],
    [
      'a length and chunks',
      /the download failed/,
      (s) => s.end(`${head}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n`),
    ],
    ['a length below zero', /the download failed/, (s) => s.end(`${head}content-length: -5\r\n\r\nabcde`)],
    ['a length of words', /the download failed/, (s) => s.end(`${head}content-length: many\r\n\r\nabcde`)],
    [
      'a chunk of 16 EiB',
      /the download failed|closed/,
      (s) => s.end(`${head}transfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\n`),
    ],
    ['no HTTP', /the download failed/, (s) => s.end('SSH-2.0-OpenSSH_9.2\r\n')],
    [
      'headers without end',
      /the download failed/,
      (s) => {
        s.write(head)
        const more = () => {
          while (!s.destroyed && s.write(`x-${'a'.repeat(500)}: ${'b'.repeat(500)}\r\n`));
        }
        s.on('drain', more)
        more()
      },
    ],
  ]
  for (const [title, words, talk] of cases) {
    it(`${title}: refused or failed in words, nothing is stored`, async () => {
      await expect(talking(talk)).rejects.toMatchObject({ name: 'ImportError', message: expect.stringMatching(words) })
      expect(await stored()).toEqual([])
      expect(await readdir(join(state, 'images/tmp'))).toEqual([])
    })
  }

  it('a body longer than its length ends there', async () => {
    const image = await talking((s) => s.end(`${head}content-length: 512\r\n\r\n${'a'.repeat(512)}${'b'.repeat(512)}`))
    expect(image.virtualSize).toBe(512n)
  })

  it('"continue" for ever ends with the deadline', async () => {
    let timer: ReturnType<typeof setInterval> | undefined
    const talk = (s: Socket) => {
      timer = setInterval(() => s.write('HTTP/1.1 103 Early Hints\r\n\r\n'), 20)
    }
    await expect(talking(talk, { totalTimeoutMs: 1_500 })).rejects.toThrow(
      /did not finish within 1.5 s|the download failed/,
    )
    clearInterval(timer)
  })

  it('a server that drips is given up, long before the deadline', async () => {
    const url = server.route('/x', (_request, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write('x'), 50)
      response.on('close', () => clearInterval(timer))
    })
    await expect(take({ url }, { stallTimeoutMs: 1_000 })).rejects.toMatchObject({
      fault: 'transport',
      message: 'the download is too slow: less than 65536 bytes came in 1 s',
    })
  })

  it('what is said to be packed is told by its bytes', async () => {
    const bytes = gzipSync(disk('a'))
    const url = server.route('/x', (_q, response) => response.writeHead(200, { 'content-encoding': 'br' }).end(bytes))
    const image = await take({ url, checksum: { sha256: sha256(bytes) } })
    expect(image.virtualSize).toBe(BigInt(MIB))
  })
})

describe('redirects', () => {
  const places = (port: number): readonly string[] => [
    `http://127.0.0.1:${port}/x`,
    `http://2130706433:${port}/x`,
    `http://0x7f.1:${port}/x`,
    `http://0177.0.0.1:${port}/x`,
    `http://127.1:${port}/x`,
    `http://１２７.０.０.１:${port}/x`,
    `http://127。0。0。1:${port}/x`,
    `http://127.255.255.254:${port}/x`,
    `http://0.0.0.0:${port}/x`,
    `http://0:${port}/x`,
    `http://[::]:${port}/x`,
    `http://[::1]:${port}/x`,
    `http://[::ffff:127.0.0.1]:${port}/x`,
    `http://[::127.0.0.1]:${port}/x`,
    `http://[64:ff9b::7f00:1]:${port}/x`,
    `http://[64:ff9b:1:7f00:0:100::]:${port}/x`,
    `http://[2002:7f00:1::]:${port}/x`,
    `http://localhost:${port}/x`,
    `http://LOCALHOST.:${port}/x`,
    `//localhost:${port}/x`,
    'http://169.254.169.254/latest/meta-data/',
    'http://[fe80::1]/x',
    'http://[::ffff:169.254.169.254]/x',
    'http://255.255.255.255/x',
    'http://224.0.0.1/x',
    'file:///etc/shadow',
    'FILE:/etc/shadow',
    'ftp://198.51.100.1/x',
    'gopher://127.0.0.1:25/x',
    'data:application/octet-stream,x',
    'unix:/run/berth/agent.sock',
    'javascript:alert(1)',
    'http://',
    'http://[::1',
    'http://%31%32%37.0.0.1:1/x',
  ]

  it('to this host, a neighbour or no web server are refused, and nobody is asked', async () => {
    const wrong: string[] = []
    for (const place of places(canary.port)) {
      const url = server.route('/x', (_q, response) =>
        response.writeHead(302, { location: Buffer.from(place).toString('latin1') }).end(),
      )
      const error = await take({ url }).catch((fault: unknown) => fault)
      const said = inspect(error)
      if (
        !/only http and https|is a (loopback|link-local|reserved|multicast|broadcast) address|is an address of this host|URL is not valid|the name localhost\. could not be resolved/.test(
          said,
        )
      )
        wrong.push(`${place}: ${said}`)
    }
    expect(wrong).toEqual([])
    expect(await stored()).toEqual([])
  })

  it('learn nothing of the first server: no password, no query, no origin', async () => {
    const seen: object[] = []
    const other = await startServer()
    try {
      const target = other.route('/y', (request, response) => {
        seen.push({ url: request.url, ...request.headers })
        response.writeHead(410).end()
      })
      const next = new URL(target)
      next.username = 'eve'
      next.password = 'evil'
      server.route('/x', (_q, response) => response.writeHead(307, { location: next.href }).end())
      const url = `http://bob:s3cr3t@127.0.0.1:${server.port}/x?token=s3cr3t`
      const allow = [`127.0.0.1:${server.port}`, `127.0.0.1:${other.port}`]
      const error = await take({ url }, { allow }).catch((fault: unknown) => fault)
      expect(seen).toEqual([
        {
          url: '/y',
          host: `127.0.0.1:${other.port}`,
          'accept-encoding': 'identity',
          'user-agent': 'berth-importer',
          connection: 'keep-alive',
        },
      ])
      // With everything that a log may print of it.
      const all = inspect(error, { depth: 20, showHidden: true })
      expect(all).toMatch(/answered 410/)
      for (const secret of ['s3cr3t', Buffer.from('bob:s3cr3t').toString('base64'), 'evil'])
        expect(all).not.toContain(secret)
    } finally {
      await other.close()
    }
  })
})

describe('a name that points elsewhere the second time', () => {
  /** Not that of any resolver. */
  const NAME_SERVER = '127.77.0.53'
  const ALLOWED = '127.0.0.2'

  /** An import with a name server of our own: glibc asks it, in a mount namespace with another resolv.conf. */
  async function withDns(path: string, answers: readonly string[]) {
    const left = [...answers]
    const dns = await startDns(NAME_SERVER, () => left.shift() ?? '127.0.0.1')
    const resolv = join(state, 'resolv.conf')
    await writeFile(resolv, `nameserver ${NAME_SERVER}\noptions attempts:1\n`)
    const [nsswitch, child] = [join(state, 'nsswitch.conf'), join(import.meta.dirname, 'name-child.ts')]
    await writeFile(nsswitch, 'hosts: dns\n')
    const script =
      'mount --bind "$1" /etc/resolv.conf; [ ! -e /etc/nsswitch.conf ] || mount --bind "$2" /etc/nsswitch.conf; shift 2; exec "$@"'
    const place = `${ALLOWED}:${canary.port}`
    const command = [
      process.execPath,
      '--import',
      'tsx',
      child,
      state,
      place,
      `http://images.example:${canary.port}${path}`,
    ]
    try {
      const { stdout } = await exec('unshare', [
        '--mount',
        '--',
        'sh',
        '-ec',
        script,
        'sh',
        resolv,
        nsswitch,
        ...command,
      ])
      return { said: stdout, answered: [...dns.answered] }
    } finally {
      await dns.close()
    }
  }

  /** The allowed server has the port of the one on 127.0.0.1 that nobody may come to. */
  async function allowedServer(talk: (path: string) => Buffer | string) {
    const hits: string[] = []
    const web = createHttpServer((request, response) => {
      hits.push(request.url ?? '')
      const answer = talk(request.url ?? '')
      if (typeof answer === 'string') response.writeHead(302, { location: answer }).end()
      else response.writeHead(200, { 'content-length': answer.length }).end(answer)
    })
    await new Promise<void>((resolve) => web.listen(canary.port, ALLOWED, resolve))
    return {
      hits,
      close: () => {
        web.closeAllConnections()
        web.close()
      },
    }
  }

  it('is asked once: the connection goes to what was judged', async () => {
    const allowed = await allowedServer(() => disk('a'))
    try {
      const { said, answered } = await withDns('/x', [ALLOWED])
      expect(said).toBe('taken')
      expect(answered).toEqual([ALLOWED])
      expect(allowed.hits).toEqual(['/x'])
    } finally {
      allowed.close()
    }
  })

  it('is judged again when a redirect has it asked again', async () => {
    const allowed = await allowedServer((path) =>
      path === '/x' ? `http://images.example:${canary.port}/y` : disk('a'),
    )
    try {
      const { said, answered } = await withDns('/x', [ALLOWED, '127.0.0.1'])
      expect(said).toMatch(/images.example \(127.0.0.1\) is a loopback address/)
      expect(answered).toEqual([ALLOWED, '127.0.0.1'])
      expect(allowed.hits).toEqual(['/x'])
    } finally {
      allowed.close()
    }
  })
})
