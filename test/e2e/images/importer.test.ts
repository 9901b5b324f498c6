// Imports of every format, and downloads that go wrong: a real server, the real qemu-img, a real folder.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ImporterConfig } from '../../../agent/images/config.ts'
import { ContentStore } from '../../../agent/images/content-store.ts'
import { type HttpSource, Importer, type ImporterDeps } from '../../../agent/images/importer.ts'
import { startServer, type TestServer } from './server.ts'
import { DISK_BYTES, gz, makeSources, type Sources, xz } from './sources.ts'

const exec = promisify(execFile)
const MIB = 1024 * 1024

let dir: string
let sources: Sources
let server: TestServer
let state: string
let content: ContentStore

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'berth-images-'))
  sources = await makeSources(dir)
})
afterAll(() => rm(dir, { recursive: true, force: true }))

beforeEach(async () => {
  server = await startServer()
  state = await mkdtemp(join(dir, 'state-'))
  content = new ContentStore({ dir: join(state, 'images'), diskDigests: async () => [] })
  await content.open()
})
afterEach(() => server.close())

const config = (changes: Partial<ImporterConfig> = {}): ImporterConfig => ({
  allow: [`127.0.0.1:${server.port}`],
  maxBytes: 64n * 1024n * 1024n,
  maxVirtualBytes: 64n * 1024n * 1024n,
  stallTimeoutMs: 15_000,
  totalTimeoutMs: 60_000,
  concurrency: 2,
  ...changes,
})

let uid = 0
const importUrl = (source: HttpSource, changes: Partial<ImporterConfig> = {}, deps: Partial<ImporterDeps> = {}) => {
  uid += 1
  const importer = new Importer({ content, config: config(changes), ...deps })
  const claim = { uid: `uid-${uid}`, object: { kind: 'VirtualImage' } }
  return importer.import({ source, claim }, () => {}, new AbortController().signal)
}

/** What a bad import must leave: nothing, and a store in which the next good one works. */
async function expectClean(): Promise<void> {
  expect(await readdir(join(state, 'images/tmp'))).toEqual([])
  expect(await readdir(join(state, 'images/sha256'))).toEqual([])
  expect(await readdir(join(state, 'images/objects'))).toEqual([])
  const good = await importUrl({ url: server.file('/good', sources.qcow2) })
  expect(good.virtualSize).toBe(BigInt(DISK_BYTES))
}

async function rawContent(path: string): Promise<Buffer> {
  const output = join(state, 'back.raw')
  await exec('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', path, output])
  return readFile(output)
}

describe('formats', () => {
  const packed = [
    ['plain', async (bytes: Buffer) => bytes],
    ['gz', async (bytes: Buffer) => gz(bytes)],
    ['xz', (bytes: Buffer) => xz(dir, bytes)],
  ] as const
  for (const format of ['raw', 'qcow2', 'vmdk', 'vdi'] as const) {
    for (const [packing, pack] of packed) {
      it(`${format}, ${packing}: is stored as qcow2 with the same content`, async () => {
        const bytes = await pack(sources[format])
        const sha256 = createHash('sha256').update(bytes).digest('hex').toUpperCase()
        const image = await importUrl({ url: server.file('/image', bytes), checksum: { sha256 } })
        expect(image).toMatchObject({ format: 'qcow2', sourceFormat: format, cdrom: false })
        expect(image.virtualSize).toBe(BigInt(DISK_BYTES))
        const file = await readFile(content.path(image.digest))
        expect(createHash('sha256').update(file).digest('hex')).toBe(image.digest)
        expect((await rawContent(content.path(image.digest))).equals(sources.raw)).toBe(true)
        expect((await stat(content.path(image.digest))).mode & 0o777).toBe(0o444)
        expect(await readdir(join(state, 'images/tmp'))).toEqual([])
      })
    }
  }
  for (const [packing, pack] of packed) {
    it(`iso, ${packing}: stays as it is and is a CD-ROM`, async () => {
      const image = await importUrl({ url: server.file('/image', await pack(sources.iso)) })
      expect(image).toMatchObject({ format: 'raw', sourceFormat: 'iso', cdrom: true })
      expect((await readFile(content.path(image.digest))).equals(sources.iso)).toBe(true)
    })
  }

  it('a monolithicSparse VMDK is taken', async () => {
    await exec('qemu-img', ['convert', '-f', 'raw', '-O', 'vmdk', join(dir, 'disk.raw'), join(state, 'mono.vmdk')])
    const image = await importUrl({ url: server.file('/image', await readFile(join(state, 'mono.vmdk'))) })
    expect((await rawContent(content.path(image.digest))).equals(sources.raw)).toBe(true)
  })

  it('the same content from raw, vdi and qcow2 is one image', async () => {
    const digests = new Set<string>()
    for (const format of ['raw', 'vdi', 'qcow2'] as const) {
      digests.add((await importUrl({ url: server.file(`/${format}`, sources[format]) })).digest)
    }
    expect(digests.size).toBe(1)
    expect(await readdir(join(state, 'images/sha256'))).toHaveLength(2)
  })

  it('an empty raw disk takes no space while it is unpacked and stored', async () => {
    const image = await importUrl({ url: server.file('/zeros', gz(Buffer.alloc(32 * MIB))) })
    expect(image.virtualSize).toBe(BigInt(32 * MIB))
    expect(Number(image.storedSize)).toBeLessThan(MIB)
  })
})

describe('bad downloads', () => {
  const bad = async (
    words: RegExp,
    fault: string,
    source: HttpSource,
    changes: Partial<ImporterConfig> = {},
    deps: Partial<ImporterDeps> = {},
  ) => {
    await expect(importUrl(source, changes, deps)).rejects.toMatchObject({
      name: 'ImportError',
      fault,
      message: expect.stringMatching(words),
    })
    await expectClean()
  }

  it('404', () => bad(/answered 404/, 'refused', { url: `${server.origin}/missing` }))

  it('503 is worth another try', () =>
    bad(/answered 503/, 'transport', { url: server.route('/x', (_q, r) => r.writeHead(503).end()) }))

  it('stalled before the headers', () =>
    bad(/stalled/, 'transport', { url: server.route('/x', () => {}) }, { stallTimeoutMs: 1_000 }))

  it('stalled in the middle', () =>
    bad(
      /stalled: no data for 1 s/,
      'transport',
      {
        url: server.route('/x', (_q, r) => {
          r.writeHead(200, { 'content-length': 1000 }).write('some')
        }),
      },
      { stallTimeoutMs: 1_000 },
    ))

  it('dripping for ever ends with the deadline', () =>
    bad(
      /did not finish within 2 s/,
      'transport',
      {
        url: server.route('/x', (_q, r) => {
          r.writeHead(200)
          const timer = setInterval(() => r.write('x'), 100)
          r.on('close', () => clearInterval(timer))
        }),
      },
      { totalTimeoutMs: 2_000 },
    ))

  it('wrong checksum', () =>
    bad(/sha256 checksum is wrong/, 'refused', {
      url: server.file('/x', sources.qcow2),
      checksum: { sha256: '0'.repeat(64), md5: createHash('md5').update(sources.qcow2).digest('hex') },
    }))

  it('endless', () =>
    bad(/too large: it does not end/, 'refused', {
      url: server.route('/x', (_q, r) => {
        const chunk = Buffer.alloc(MIB, 1)
        const more = () => {
          while (!r.destroyed && r.write(chunk));
        }
        r.writeHead(200).on('drain', more)
        more()
      }),
    }))

  it('announced too large: not a byte is read', () =>
    bad(/too large: 999999999 bytes/, 'refused', {
      url: server.route('/x', (_q, r) => {
        r.writeHead(200, { 'content-length': 999_999_999 }).write('x')
      }),
    }))

  it('truncated', () =>
    bad(/truncated: \d+ of 100000 bytes/, 'transport', {
      url: server.route('/x', (_q, r) => {
        r.writeHead(200, { 'content-length': 100_000 }).write(Buffer.alloc(1000), () => r.destroy())
      }),
    }))

  it('truncated in chunked encoding', () =>
    bad(/closed the connection/, 'transport', {
      url: server.route('/x', (_q, r) => {
        r.writeHead(200).write(Buffer.alloc(1000), () => r.destroy())
      }),
    }))

  it('truncated gz and xz', async () => {
    const half = gz(sources.raw)
    const url = server.file('/gz', half.subarray(0, half.length / 2))
    await expect(importUrl({ url })).rejects.toThrow(/gz data ends too early/)
    const xzHalf = await xz(dir, sources.raw)
    await bad(/xz data ends too early/, 'transport', {
      url: server.file('/xz', xzHalf.subarray(0, xzHalf.length / 2)),
    })
  })

  it('damaged gz and xz', async () => {
    // The last bytes are checks of the content (gz) and of the index (xz).
    const broken = (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -8), Buffer.alloc(8, 7)])
    await expect(importUrl({ url: server.file('/gz', broken(gz(sources.raw))) })).rejects.toThrow(/gz data is damaged/)
    await bad(/xz data is damaged/, 'refused', { url: server.file('/xz', broken(await xz(dir, sources.raw))) })
  })

  it('redirect loop', () =>
    bad(/more than 5 redirects/, 'refused', {
      url: server.route('/loop', (_q, r) => r.writeHead(302, { location: '/loop' }).end()),
    }))

  it('redirect to another scheme', () =>
    bad(/only http and https/, 'refused', {
      url: server.route('/x', (_q, r) => r.writeHead(302, { location: 'file:///etc/passwd' }).end()),
    }))

  it('gzip bomb', () =>
    bad(/unpacks to more than importer.maxVirtualBytes/, 'refused', {
      url: server.file('/x', gz(Buffer.alloc(80 * MIB, 1))),
    }))

  it('gzip bomb of zeros', () =>
    bad(/unpacks to more than importer.maxVirtualBytes/, 'refused', {
      url: server.file('/x', gz(Buffer.alloc(80 * MIB))),
    }))

  it('xz bomb', async () =>
    bad(/unpacks to more than importer.maxVirtualBytes/, 'refused', {
      url: server.file('/x', await xz(dir, Buffer.alloc(80 * MIB, 1))),
    }))

  it('packed twice', () => bad(/compressed twice/, 'refused', { url: server.file('/x', gz(gz(sources.raw))) }))

  it('qcow2 with /etc/passwd as backing file', async () => {
    const path = join(state, 'evil.qcow2')
    await exec('qemu-img', ['create', '-q', '-u', '-f', 'qcow2', '-b', '/etc/passwd', '-F', 'raw', path, '1M'])
    await bad(/backing file/, 'refused', { url: server.file('/x', await readFile(path)) })
  })

  it('qcow2 with an external data file', async () => {
    const [path, data] = [join(state, 'evil.qcow2'), join(state, 'data.raw')]
    await exec('qemu-img', ['create', '-q', '-f', 'qcow2', '-o', `data_file=${data}`, path, '1M'])
    await bad(/external data file/, 'refused', { url: server.file('/x', await readFile(path)) })
  })

  it('VMDK that names another file', async () => {
    const descriptor = ['# Disk DescriptorFile', 'version=1', 'RW 8 FLAT "/etc/passwd" 0'].join('\n')
    await bad(/VMDK descriptor that names other files/, 'refused', { url: server.file('/x', Buffer.from(descriptor)) })
  })

  it('VMDK whose embedded descriptor names another file', async () => {
    const bytes = Buffer.from(sources.vmdk)
    const at = bytes.indexOf('# Disk DescriptorFile')
    bytes.fill(0, at, at + 4096)
    bytes.write('# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\n', at)
    bytes.write('RW 8 FLAT "/etc/passwd" 0\n', bytes.indexOf(0, at))
    // Without a capacity QEMU takes the embedded descriptor for the whole truth.
    bytes.writeBigUInt64LE(0n, 12)
    await bad(/VMDK image is of type|can't be read/, 'refused', { url: server.file('/x', bytes) })
  })

  it('a disk larger than allowed', async () => {
    const path = join(state, 'huge.qcow2')
    await exec('qemu-img', ['create', '-q', '-f', 'qcow2', path, '10T'])
    await bad(/10995116277760 bytes, importer.maxVirtualBytes/, 'refused', {
      url: server.file('/x', await readFile(path)),
    })
  })

  it('a web page, an archive, nothing at all', async () => {
    await expect(importUrl({ url: server.file('/1', Buffer.from('<!DOCTYPE html><p>login')) })).rejects.toThrow(
      /web page/,
    )
    await expect(importUrl({ url: server.file('/2', Buffer.alloc(0)) })).rejects.toThrow(/the file is empty/)
    await bad(/VHDX/, 'refused', { url: server.file('/3', Buffer.from(`vhdxfile${' '.repeat(600)}`)) })
  })

  it('no room on the disk', () =>
    bad(/not enough free space/, 'host', { url: server.file('/x', sources.raw) }, {}, { space: async () => 0n }))

  it('an image that would not fit when converted', async () => {
    const answers = [10n ** 12n, 150_000n]
    const space = async () => answers.shift() ?? 0n
    await bad(/not enough free space/, 'host', { url: server.file('/x', sources.qcow2) }, {}, { space })
  })
})

describe('addresses', () => {
  it("the host's own address is refused, and nobody is asked", async () => {
    const url = server.file('/x', sources.qcow2)
    await expect(importUrl({ url }, { allow: [] })).rejects.toThrow(
      `127.0.0.1 is a loopback address: downloads from there are not allowed unless importer.allow lists 127.0.0.1:${server.port}`,
    )
    expect(server.hits.size).toBe(0)
    await expectClean()
  })

  it('a redirect to an address of this host is refused', async () => {
    const inner = await startServer()
    try {
      const secret = inner.file('/secret', sources.qcow2)
      const url = server.route('/x', (_q, r) => r.writeHead(302, { location: secret }).end())
      await expect(importUrl({ url })).rejects.toThrow(/is a loopback address/)
      expect(inner.hits.size).toBe(0)
      await expectClean()
    } finally {
      await inner.close()
    }
  })

  it('a name that leads here is refused, even when it changes its mind after the check', async () => {
    const answers = [['127.0.0.1'], ['127.0.0.1']]
    const names = { resolve: async () => answers.shift() ?? ['127.0.0.1'], own: () => [] }
    const url = `http://images.example:${server.port}/x`
    server.file('/x', sources.qcow2)
    await expect(importUrl({ url }, { allow: [] }, { names })).rejects.toThrow(
      /images.example \(127.0.0.1\) is a loopback/,
    )
    expect(server.hits.size).toBe(0)
  })

  it('the connection goes to the address that was judged, not to a later answer', async () => {
    let asked = 0
    const names = {
      resolve: async () => {
        asked += 1
        return ['127.0.0.1']
      },
      own: () => [],
    }
    const image = await importUrl({ url: `http://images.example:${server.port}/x` }, {}, { names }).catch((e) => e)
    expect(image.message).toMatch(/images.example:\d+\/x answered 404/)
    expect(asked).toBe(1)
  })

  it('credentials go to the first server only and show up in no message', async () => {
    const seen: (string | undefined)[] = []
    const other = await startServer()
    try {
      const target = other.route('/x', (q, r) => {
        seen.push(q.headers.authorization)
        r.writeHead(403).end()
      })
      server.route('/x', (q, r) => {
        seen.push(q.headers.authorization)
        r.writeHead(307, { location: target }).end()
      })
      const url = `http://bob:secret@127.0.0.1:${server.port}/x`
      const allow = [`127.0.0.1:${server.port}`, `127.0.0.1:${other.port}`]
      const error = await importUrl({ url }, { allow }).catch((e) => e)
      expect(seen).toEqual([`Basic ${Buffer.from('bob:secret').toString('base64')}`, undefined])
      expect(error.message).toMatch(/answered 403/)
      expect(error.message).not.toMatch(/secret/)
    } finally {
      await other.close()
    }
  })
})

describe('cancel', () => {
  it('ends the download and leaves nothing', async () => {
    const url = server.route('/x', (_q, r) => {
      r.writeHead(200, { 'content-length': 1000 }).write('some')
    })
    const abort = new AbortController()
    const importer = new Importer({ content, config: config({ stallTimeoutMs: 60_000 }) })
    const running = importer.import(
      { source: { url }, claim: { uid: 'c', object: {} } },
      () => abort.abort(new Error('no longer wanted')),
      abort.signal,
    )
    await expect(running).rejects.toThrow('no longer wanted')
    await expectClean()
  })
})

describe('confinement', () => {
  it('sees its files, not the host: no /etc/passwd, no network, no rights', async () => {
    await content.withRoom(async (room) => {
      await writeFile(join(room.work, 'in'), sources.raw)
      await room.readable('in')
      const options = { timeoutMs: 10_000 }
      await expect(room.run('qemu-img', ['info', '-f', 'raw', '/work/in'], options)).resolves.toBeDefined()
      await expect(room.run('qemu-img', ['info', '-f', 'raw', '/etc/passwd'], options)).rejects.toThrow(/No such file/)
      await expect(room.run('qemu-img', ['info', '-f', 'raw', '/proc/1/environ'], options)).rejects.toThrow(
        /No such file/,
      )
      await expect(room.run('qemu-img', ['create', '-f', 'raw', '/work/new', '1M'], options)).rejects.toThrow(
        /Permission denied/,
      )
      const nbd = `nbd://127.0.0.1:${server.port}/x`
      await expect(room.run('qemu-img', ['info', nbd], options)).rejects.toThrow(
        /Network is unreachable|refused|unreachable/,
      )
    })
    expect(server.hits.size).toBe(0)
  })

  it('ends the whole process tree at the deadline', async () => {
    await content.withRoom(async (room) => {
      async function* never(): AsyncGenerator<Buffer> {
        yield Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])
        await new Promise(() => {})
      }
      const start = Date.now()
      const output = room.filter('xz', ['-dc'], never(), { timeoutMs: 500 })
      await expect(async () => {
        for await (const _ of output);
      }).rejects.toThrow(/xz did not finish within/)
      expect(Date.now() - start).toBeLessThan(5_000)
    })
  })
})
