import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ChecksumCheck } from '../../../../agent/images/checksum.ts'
import { parseLdd } from '../../../../agent/images/confine.ts'
import { ImportError } from '../../../../agent/images/errors.ts'
import { spaceGuard, whileRoom } from '../../../../agent/images/space.ts'
import { writeSparse } from '../../../../agent/images/sparse-file.ts'
import { SpeedMeter } from '../../../../agent/images/speed.ts'
import { decodeClaim, decodeImage, encodeImage } from '../../../../agent/images/stored.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

describe('ChecksumCheck', () => {
  const content = Buffer.from('content')
  const digest = (name: string) => createHash(name).update(content).digest('hex')

  it('takes all four kinds, in any case', () => {
    const names = ['md5', 'sha1', 'sha256', 'sha512']
    const check = new ChecksumCheck(Object.fromEntries(names.map((name) => [name, digest(name).toUpperCase()])))
    check.update(content.subarray(0, 3))
    check.update(content.subarray(3))
    expect(() => check.verify()).not.toThrow()
    expect(check.any).toBe(true)
    expect(new ChecksumCheck().any).toBe(false)
  })

  it('one wrong of two is wrong', () => {
    const check = new ChecksumCheck({ md5: digest('md5'), sha1: '0'.repeat(40) })
    check.update(content)
    expect(() => check.verify()).toThrow(/the sha1 checksum is wrong: expected 0{40}, the download has /)
  })

  it('says that Streebog is not supported', () => {
    expect(() => new ChecksumCheck({ streebog256: '0'.repeat(64) })).toThrow(/Streebog/)
  })
})

describe('writeSparse', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'berth-sparse-'))
  })
  afterEach(() => rm(dir, { recursive: true, force: true }))

  it('writes the same bytes, whatever the chunks, with holes for zeros and at the end', async () => {
    const bytes = Buffer.alloc(5_000_000)
    bytes.fill(7, 1_000_000, 1_000_100)
    bytes.fill(9, 3_000_000, 3_100_000)
    for (const size of [1_000, 65_536, 70_001, 5_000_000]) {
      async function* chunks() {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
      }
      const path = join(dir, `file-${size}`)
      expect(await writeSparse(path, chunks(), () => {})).toBe(bytes.length)
      expect((await readFile(path)).equals(bytes)).toBe(true)
      expect((await stat(path)).blocks * 512).toBeLessThan(1_500_000)
    }
  })

  it('stops when it is told to', async () => {
    async function* chunks() {
      for (;;) yield Buffer.alloc(1000, 1)
    }
    const stop = (length: number) => {
      if (length > 5_000) throw new Error('enough')
    }
    await expect(writeSparse(join(dir, 'file'), chunks(), stop)).rejects.toThrow('enough')
  })
})

describe('spaceGuard', () => {
  it('looks every 64 MiB and stops when the room is gone', async () => {
    const answers = [10n ** 10n, 10n ** 9n, 10n ** 6n]
    let looks = 0
    const guard = spaceGuard('/', async () => answers[looks++] ?? 0n)
    const MIB = 1 << 20
    for (const length of [1, 10 * MIB, 63 * MIB, 65 * MIB, 100 * MIB]) await guard(length)
    expect(looks).toBe(2)
    await expect(guard(200 * MIB)).rejects.toMatchObject({ fault: 'host', message: /not enough free space/ })
  })
})

describe('SpeedMeter', () => {
  it('tells the average and the last seconds apart, and ends with the last byte', () => {
    let now = 0
    const meter = new SpeedMeter({ now: () => now, monotonic: () => now, sleep: async () => {} })
    meter.start()
    for (let second = 1; second <= 10; second += 1) {
      now = second * 1000
      meter.at(second * 1_000_000)
    }
    for (let second = 11; second <= 20; second += 1) {
      now = second * 1000
      meter.at(10_000_000 + (second - 10) * 3_000_000)
    }
    expect(meter.speed()).toEqual({ average: 2_000_000, current: 3_000_000 })
    now = 60_000
    expect(meter.speed()).toEqual({ average: 2_000_000, current: 0 })
  })
})

describe('sidecars', () => {
  const image = {
    digest: 'a'.repeat(64),
    format: 'qcow2',
    sourceFormat: 'vmdk',
    virtualSize: 1n << 45n,
    storedSize: 5n,
    cdrom: false,
  } as const

  it('an image comes back as it was', () => {
    expect(decodeImage(JSON.parse(JSON.stringify(encodeImage(image))))).toEqual(image)
  })

  it('damage is said, never guessed over', () => {
    const sound = encodeImage(image) as object
    for (const damage of [
      { digest: '../../etc' },
      { virtualSize: 5 },
      { virtualSize: '-1' },
      { cdrom: 'no' },
      { sourceFormat: 'x' },
    ]) {
      expect(() => decodeImage({ ...sound, ...damage })).toThrow(/damaged/)
    }
    for (const claim of [null, [], 'x', {}, { uid: 'u', digest: 'short' }])
      expect(() => decodeClaim(claim)).toThrow(/damaged/)
  })
})

describe('parseLdd', () => {
  it('finds the paths of libraries and of the loader', () => {
    const text = [
      '\tlinux-vdso.so.1 (0x00007ffd)',
      '\tlibz.so.1 => /lib/x86_64-linux-gnu/libz.so.1 (0x00007f1)',
      '\tlibgone.so => not found',
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007f2)',
    ].join('\n')
    expect(parseLdd(text)).toEqual(['/lib/x86_64-linux-gnu/libz.so.1', '/lib64/ld-linux-x86-64.so.2'])
  })
})

describe('whileRoom', () => {
  const never = new AbortController().signal
  const begin = (left: () => bigint, work: (signal: AbortSignal) => Promise<string>) => {
    const clock = new ManualClock()
    return { clock, ended: whileRoom({ folder: '/', clock, look: async () => left() }, work, never) }
  }
  const untilAborted = (signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

  it('ends the work in words as soon as others have taken the room', async () => {
    let left = 1n
    const { clock, ended } = begin(() => left, untilAborted)
    const refusal = expect(ended).rejects.toMatchObject({ fault: 'host', message: /not enough free space/ })
    await clock.advance(10_000)
    left = 0n
    await clock.advance(250)
    await refusal
    expect(clock.sleeping).toBe(0)
  })

  it('leaves results and faults as they are, and stops looking', async () => {
    const fine = begin(
      () => 1n,
      async () => 'done',
    )
    expect(await fine.ended).toBe('done')
    const bad = begin(
      () => 1n,
      () => Promise.reject(new Error('broken')),
    )
    await expect(bad.ended).rejects.toThrow('broken')
    expect(fine.clock.sleeping + bad.clock.sleeping).toBe(0)
  })
})

describe('the message of an ImportError', () => {
  it('is one line that can be printed, whatever a file or a server put into it', () => {
    const quoted = 'type \u001b[31mred\u001b[0m\r\nfault: level=error\u0000\u202egnp.exe\u2028end'
    expect(new ImportError('refused', quoted).message).toBe('type  [31mred [0m fault: level=error gnp.exe end')
  })

  it('has an end', () => {
    const { message } = new ImportError('refused', 'x'.repeat(100_000))
    expect(message).toHaveLength(1_024)
    expect(message.endsWith('…')).toBe(true)
  })
})
