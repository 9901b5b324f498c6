// Images that reach for the host, and the proof that nothing outside of the store is touched: every system call of the importer and of all its
// programs that opens, changes or connects is looked at.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Hostile, hostileImages } from './corpus.ts'
import { startServer, type TestServer } from './server.ts'
import { makeSources, type Sources } from './sources.ts'
import { type Call, type Traced, traced } from './trace.ts'

const exec = promisify(execFile)
const SECRET = 'what is outside of the store'
const LIMIT_MS = 240_000

let dir: string
let outside: string
let state: string
let sources: Sources
/** Serves the images. */
let server: TestServer
/** Nobody may come here. */
let canary: TestServer
let images: readonly Hostile[]
let trace: Traced
/** Digest of the image that came first. */
let good: string
let outcomes: readonly { readonly digest?: string; readonly message?: string; readonly fault?: string }[]

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-hostile-'))
  outside = join(dir, 'outside')
  state = join(dir, 'state')
  await Promise.all([outside, state, join(dir, 'files')].map((folder) => mkdir(folder)))
  for (const name of ['secret.raw', 'secret.qcow2']) await writeFile(join(outside, name), SECRET, { mode: 0o666 })
  sources = await makeSources(join(dir, 'files'))
  ;[server, canary] = await Promise.all([startServer(), startServer()])
  images = await hostileImages(join(dir, 'files'), outside, canary.port, sources)
  const urls = images.map(({ bytes }, index) => server.file(`/${index}`, bytes))
  const list = server.file('/list', Buffer.from(JSON.stringify(urls)))
  const first = server.file('/good', sources.vmdk)
  const child = join(import.meta.dirname, 'import-child.ts')
  const command = [process.execPath, '--import', 'tsx', child, state, list, first]
  trace = await traced(join(dir, 'trace'), join(state, 'images/tmp'), command)
  ;({ good, outcomes } = JSON.parse(trace.stdout))
}, LIMIT_MS)
afterAll(async () => {
  await Promise.all([server.close(), canary.close()])
  await rm(dir, { recursive: true, force: true })
})

const stored = (digest: string): string => join(state, 'images/sha256', digest)

/** What a guest would read first. */
async function firstBytes(digest: string, count: number): Promise<string> {
  const output = join(dir, 'first')
  await exec('qemu-img', [
    'dd',
    '-f',
    'qcow2',
    '-O',
    'raw',
    'bs=512',
    'count=1',
    `if=${stored(digest)}`,
    `of=${output}`,
  ])
  return (await readFile(output)).subarray(0, count).toString()
}

describe('hostile images', () => {
  it('are refused in words, or taken for what they hold', async () => {
    expect(outcomes).toHaveLength(images.length)
    const wrong: string[] = []
    for (const [index, { title, refused, begins }] of images.entries()) {
      const { digest, message = '', fault } = outcomes[index] ?? {}
      if (refused === null && digest === undefined) wrong.push(`${title}: ${fault}: ${message}`)
      if (refused !== null && (fault !== 'refused' || !refused.test(message)))
        wrong.push(`${title}: ${fault}: ${message}`)
      if (digest !== undefined && begins !== undefined && (await firstBytes(digest, begins.length)) !== begins)
        wrong.push(`${title}: ${await firstBytes(digest, 40)}`)
    }
    expect(wrong).toEqual([])
  })

  it('leave nothing behind but what was taken', async () => {
    expect(await readdir(join(state, 'images/tmp'))).toEqual([])
    const taken = new Set([good, ...outcomes.flatMap(({ digest }) => digest ?? [])])
    const files = (await readdir(join(state, 'images/sha256'))).filter((name) => !name.endsWith('.json'))
    expect(files.sort()).toEqual([...taken].sort())
    for (const digest of taken) expect((await readFile(stored(digest))).includes(SECRET)).toBe(false)
  })

  it('what is stored of them names no other file', async () => {
    for (const { digest } of outcomes) {
      if (digest === undefined) continue
      const { stdout } = await exec('qemu-img', ['info', '--output=json', '-f', 'qcow2', stored(digest)])
      const info = JSON.parse(stdout)
      expect(info).not.toHaveProperty('backing-filename')
      expect(info).not.toHaveProperty('snapshots')
      expect(info['format-specific'].data).not.toHaveProperty('data-file')
    }
  })
})

/** What a process of ours opens besides: itself, the parts of programs and their libraries, and where names of the own host are kept. */
const OF_PROGRAMS = [
  /^\/(usr\/)?(lib|lib64|s?bin)\//,
  /^\/etc\/(ld\.so\.cache|passwd|group|nsswitch\.conf|localtime)$/,
  /^\/dev\/null$/,
  /^\/proc\/(self|\d+)(\/(oom_score_adj|maps|cgroup|stat(us)?))?$/,
  /^\/proc\/sys\/kernel\/cap_last_cap$/,
  /^\/sys\/fs\/cgroup/,
  /^(pipe|socket|anon_inode|TCP|UNIX|net):?/,
]
/** The programs that confine, and those that are confined. */
const PROGRAMS = ['nice', 'prlimit', 'setpriv', 'choom', 'unshare', 'qemu-img', 'xz']
const CHANGES = /^(unlink|rename|mkdir|rmdir|link|symlink|truncate|mknod|f?chmod|l?chown|fchown|utime|creat|setxattr)/

describe('the trace of their imports', () => {
  const inStore = (path: string): boolean => path === state || path.startsWith(`${state}/`)
  const among = (pick: (call: Call) => boolean): readonly Call[] => trace.calls.filter(pick)
  const texts = (calls: readonly Call[]): readonly string[] => [...new Set(calls.map(({ text }) => text))]

  it('shows the programs at work', () => {
    const converted = among(({ jailed, opened }) => jailed && opened.endsWith('/work/out'))
    expect(converted.length).toBeGreaterThan(10)
    expect(among(({ opened }) => opened.endsWith('/work/in')).length).toBeGreaterThan(images.length)
  })

  it('nothing is opened but the store and the parts of programs', () => {
    const strange = among(
      ({ name, opened }) =>
        /^(open|creat)/.test(name) && !inStore(opened) && !OF_PROGRAMS.some((pattern) => pattern.test(opened)),
    )
    expect(texts(strange)).toEqual([])
  })

  it('the confined programs open nothing but what is in their room', () => {
    const rooms = join(state, 'images/tmp/')
    expect(
      texts(among(({ jailed, opened, name }) => jailed && /^open/.test(name) && !opened.startsWith(rooms))),
    ).toEqual([])
  })

  it('nothing is changed but in the store', () => {
    const paths = (text: string): readonly string[] =>
      [...text.matchAll(/"([^"]*)"/g)].flatMap(([, path]) => path ?? [])
    const strange = among(({ name, text, jailed }) => CHANGES.test(name) && !jailed && !paths(text).every(inStore))
    expect(texts(strange)).toEqual([])
    expect(texts(among(({ name, jailed }) => CHANGES.test(name) && jailed))).toEqual([])
  })

  it('no program is run but the known ones', () => {
    const names = among(({ name }) => name === 'execve').map(({ text }) => /^execve\("[^"]*\/([^"/]+)"/.exec(text)?.[1])
    expect(names.filter((name) => !PROGRAMS.includes(name ?? ''))).toEqual([])
  })

  it('the one address that is connected to is that of the server; confined programs do not even try', () => {
    const ends = among(({ name, text }) => name === 'connect' && !text.includes('AF_UNIX')).map(({ text }) =>
      /sin6?_port=htons\((\d+)\).*"([^"]+)"/.exec(text)?.slice(1).join(' at '),
    )
    expect([...new Set(ends)]).toEqual([`${server.port} at 127.0.0.1`])
    expect(
      texts(
        among(
          ({ name, text, jailed }) =>
            jailed && /^(socket|connect|send|bind)/.test(name) && !/^socket\(AF_UNIX/.test(text),
        ),
      ),
    ).toEqual([])
  })

  it('what they name outside is touched by nobody', async () => {
    expect(texts(among(({ text }) => text.includes(outside)))).toEqual([])
    // In its room a program may look for it: there is no such file.
    expect(trace.failed.filter(({ text, jailed }) => !jailed && text.includes(outside))).toEqual([])
    expect(canary.hits.size).toBe(0)
    expect((await readdir(outside)).sort()).toEqual(['secret.qcow2', 'secret.raw'])
    for (const name of await readdir(outside)) expect(await readFile(join(outside, name), 'utf8')).toBe(SECRET)
  })
})
