// Reads a PNG back: checksums, size, pixels. For 8 bits per colour without interlacing, with any of the filters.
import { crc32, inflateSync } from 'node:zlib'

export interface Picture {
  readonly width: number
  readonly height: number
  /** RGB, row by row. */
  readonly pixels: Buffer
}

const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 6: 4 }

/** @throws Error for anything that is not such a PNG */
export function decodePng(png: Buffer): Picture {
  if (png.subarray(0, 8).toString('latin1') !== '\x89PNG\r\n\x1a\n') throw new Error('no PNG')
  const chunks: { readonly type: string; readonly data: Buffer }[] = []
  for (let at = 8; at < png.length; ) {
    const size = png.readUInt32BE(at)
    const body = png.subarray(at + 4, at + 8 + size)
    if (crc32(body) !== png.readUInt32BE(at + 8 + size)) throw new Error('wrong checksum')
    chunks.push({ type: body.subarray(0, 4).toString('latin1'), data: body.subarray(4) })
    at += 12 + size
  }
  const header = chunks.find(({ type }) => type === 'IHDR')?.data
  if (header === undefined || chunks.at(-1)?.type !== 'IEND') throw new Error('not whole')
  const [width, height, bits, colour = 0] = [header.readUInt32BE(0), header.readUInt32BE(4), header[8], header[9]]
  const channels = CHANNELS[colour]
  if (bits !== 8 || channels === undefined || header[12] !== 0) throw new Error(`cannot read ${bits} bits of ${colour}`)
  const rows = inflateSync(Buffer.concat(chunks.filter(({ type }) => type === 'IDAT').map(({ data }) => data)))
  const raw = unfilter(rows, { width, height, channels })
  const pixels = Buffer.alloc(width * height * 3)
  for (let pixel = 0; pixel < width * height; pixel++)
    for (let rgb = 0; rgb < 3; rgb++) pixels[pixel * 3 + rgb] = raw[pixel * channels + (channels < 3 ? 0 : rgb)] ?? 0
  return { width, height, pixels }
}

interface Shape {
  readonly width: number
  readonly height: number
  readonly channels: number
}

function unfilter(rows: Buffer, { width, height, channels }: Shape): Buffer {
  const size = width * channels
  if (rows.length !== (size + 1) * height) throw new Error('rows are missing')
  const out = Buffer.alloc(size * height)
  for (let row = 0; row < height; row++) {
    const filter = rows[row * (size + 1)]
    for (let x = 0; x < size; x++) {
      const [a, b, c] = [at(row, x - channels), at(row - 1, x), at(row - 1, x - channels)]
      out[row * size + x] = (rows[row * (size + 1) + 1 + x] ?? 0) + predict(filter, a, b, c)
    }
  }
  return out

  function at(row: number, x: number): number {
    return row < 0 || x < 0 ? 0 : (out[row * size + x] ?? 0)
  }
}

function predict(filter: number | undefined, a: number, b: number, c: number): number {
  switch (filter) {
    case 0:
      return 0
    case 1:
      return a
    case 2:
      return b
    case 3:
      return Math.floor((a + b) / 2)
    case 4: {
      const p = a + b - c
      const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)]
      return pa <= pb && pa <= pc ? a : pb <= pc ? b : c
    }
    default:
      throw new Error(`unknown filter ${filter}`)
  }
}
