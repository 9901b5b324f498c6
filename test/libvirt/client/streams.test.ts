import { randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  DomainConsoleFlags,
  isOperationFailed,
  type LibvirtPool,
  type LibvirtStream,
  type StorageVol,
} from '../../../lib/libvirt/index.ts'
import { failure, firmwareGuest, useLibvirtd } from './setup.ts'

const POOL = `<pool type='dir'><name>images</name><target><path>/var/lib/libvirt/images</path></target></pool>`

/** Reads until the text has come. */
async function expectText(stream: LibvirtStream, text: string): Promise<void> {
  let seen = ''
  const iterator = stream.readable[Symbol.asyncIterator]()
  while (!seen.includes(text)) {
    const { value, done } = await iterator.next()
    if (done) throw new Error(`console ended before ${JSON.stringify(text)}: ${JSON.stringify(seen)}`)
    seen += Buffer.from(value).toString('latin1')
  }
}

async function readAll(stream: LibvirtStream): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream.readable) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe('streams', () => {
  const { pool: newPool } = useLibvirtd()
  let pool: LibvirtPool

  beforeAll(async () => {
    pool = await newPool()
  })

  it('a serial console goes both ways, is taken over by force, and ends with its guest', async () => {
    const { dom } = await pool.call('DomainDefineXML', { xml: firmwareGuest('console', { menu: true }) })
    await pool.call('DomainCreateWithFlags', { dom, flags: 1 })
    const open = (flags: number) => pool.stream('DomainOpenConsole', { dom, devName: null, flags })
    const first = await open(DomainConsoleFlags.SAFE)
    await pool.call('DomainResume', { dom })
    await expectText(first, 'Press ESC for boot menu')

    expect(isOperationFailed(await failure(open(DomainConsoleFlags.SAFE)))).toBe(true)
    const taken = readAll(first).then(
      () => 'ended',
      (error: unknown) => error,
    )
    const second = await open(DomainConsoleFlags.FORCE)
    expect(await taken).toMatchObject({ name: 'LibvirtError', message: 'stream had I/O failure' })

    // The firmware asks again for as long as nobody has pressed the key.
    await second.write(Buffer.from('\x1b'))
    await expectText(second, 'Select boot device')

    const rest = readAll(second)
    await pool.call('DomainDestroy', { dom })
    await rest
  })

  describe('of volumes', () => {
    let vol: StorageVol
    const data = randomBytes(5_000_000)
    const upload = (length: number) =>
      pool.stream('StorageVolUpload', { vol, offset: 0n, length: BigInt(length), flags: 0 })

    beforeAll(async () => {
      const images = await pool.call('StoragePoolCreateXML', { xml: POOL, flags: 0 })
      const xml = `<volume><name>v.raw</name><capacity unit='bytes'>${data.length}</capacity><target><format type='raw'/></target></volume>`
      vol = (await pool.call('StorageVolCreateXML', { pool: images.pool, xml, flags: 0 })).vol
    })

    it('what was uploaded comes back byte by byte', async () => {
      const up = await upload(data.length)
      for (let at = 0; at < data.length; at += 700_000) await up.write(data.subarray(at, at + 700_000))
      await up.finish()
      const down = await pool.stream('StorageVolDownload', { vol, offset: 0n, length: 0n, flags: 0 })
      expect((await readAll(down)).equals(data)).toBe(true)
    })

    it('a part can be read', async () => {
      const down = await pool.stream('StorageVolDownload', { vol, offset: 4_999_990n, length: 10n, flags: 0 })
      expect((await readAll(down)).equals(data.subarray(-10))).toBe(true)
    })

    it('a slow reader gets everything', async () => {
      const down = await pool.stream('StorageVolDownload', { vol, offset: 0n, length: 0n, flags: 0 })
      const chunks: Uint8Array[] = []
      for await (const chunk of down.readable) {
        chunks.push(chunk)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      expect(Buffer.concat(chunks).equals(data)).toBe(true)
    })

    it('more than was announced is libvirt’s error, for the writer too', async () => {
      const up = await upload(1_000)
      const error = await failure(
        (async () => {
          for (let i = 0; i < 200; i++) await up.write(Buffer.alloc(100_000))
          await up.finish()
        })(),
      )
      expect(error).toMatchObject({ name: 'LibvirtError' })
    })

    it('an aborted upload and an aborted download leave the pool in order', async () => {
      const up = await upload(data.length)
      await up.write(Buffer.alloc(1_000))
      up.abort(new Error('changed my mind'))
      expect(await failure(up.finish())).toMatchObject({ message: 'changed my mind' })
      const down = await pool.stream('StorageVolDownload', { vol, offset: 0n, length: 0n, flags: 0 })
      for await (const chunk of down.readable) {
        expect(chunk.length).toBeGreaterThan(0)
        break
      }
      expect((await pool.call('StorageVolGetInfo', { vol })).capacity).toBe(BigInt(data.length))
    })

    it('of a volume that is gone is refused', async () => {
      const absent = { ...vol, name: 'absent.raw', key: '/absent' }
      const error = await failure(pool.stream('StorageVolDownload', { vol: absent, offset: 0n, length: 0n, flags: 0 }))
      expect(error).toMatchObject({ name: 'LibvirtError', code: 50 })
    })
  })
})
