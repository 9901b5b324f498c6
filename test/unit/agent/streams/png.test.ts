// The conversion that only older QEMUs need: what comes out is a PNG with the same pixels.
import { inflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { PictureError, toPng } from '../../../../agent/streams/png.ts'
import { decodePng } from '../../../support/png.ts'

const pixmap = (header: string, bytes: readonly number[]) => Buffer.concat([Buffer.from(header), Buffer.from(bytes)])
const RED_BLUE = [255, 0, 0, 0, 0, 255]

describe('a pixmap as PNG', () => {
  it.each(['P6 2 1 255\n', 'P6\n2 1\n255\n', 'P6\n# made by a test\n2 1\n# twice\n255\n'])(
    'keeps size and pixels: %j',
    async (header) => {
      const png = decodePng(await toPng(pixmap(header, RED_BLUE)))
      expect(png).toEqual({ width: 2, height: 1, pixels: Buffer.from(RED_BLUE) })
    },
  )

  it('is row by row', async () => {
    const bytes = Array.from({ length: 3 * 5 * 3 }, (_, index) => index)
    const png = decodePng(await toPng(pixmap('P6 3 5 255\n', bytes)))
    expect(png).toEqual({ width: 3, height: 5, pixels: Buffer.from(bytes) })
  })

  it('of a blank screen is small', async () => {
    const png = await toPng(
      pixmap(
        'P6 720 400 255\n',
        Array.from({ length: 720 * 400 * 3 }, () => 0),
      ),
    )
    expect(png.length).toBeLessThan(2_000)
    expect(inflateSync(png.subarray(png.indexOf('IDAT') + 4, -16)).length).toBe((720 * 3 + 1) * 400)
  })

  it.each([
    ['nothing', ''],
    ['text', 'P3 1 1 255\n1 2 3'],
    ['two bytes per colour', 'P6 1 1 65535\n123456'],
    ['a size of nothing', 'P6 0 1 255\n'],
    ['fewer pixels than it says', 'P6 2 1 255\n12345'],
    ['more pixels than there can be', 'P6 99999 99999 255\nxxx'],
    ['a header without end', `P6 #${'x'.repeat(4096)}`],
  ])('%s is refused', async (_what, bytes) => {
    await expect(toPng(Buffer.from(bytes))).rejects.toThrow(PictureError)
  })
})

it('a PNG is left as it is', async () => {
  const png = await toPng(pixmap('P6 2 1 255\n', RED_BLUE))
  expect(await toPng(png)).toBe(png)
})
