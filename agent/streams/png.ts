// A screenshot as PNG. libvirt gives that with QEMU 7.1 and later; older ones give a portable pixmap, which is converted here.
import { promisify } from 'node:util'
import { crc32, deflate } from 'node:zlib'

/** Pixels of a picture at most: more than a video memory of 256 MiB holds. */
const MAX_PIXELS = 64 * 1_048_576
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** Width, height and largest value of a binary pixmap, with the comments that the format allows. */
const PIXMAP = /^P6(?:\s|#[^\n]*\n)+(\d{1,5})(?:\s|#[^\n]*\n)+(\d{1,5})(?:\s|#[^\n]*\n)+255\s/
const MAX_HEADER = 512
const BYTES_PER_PIXEL = 3
const TRUE_COLOUR = 2
const BITS = 8

/** The picture cannot be read; the message says why. */
export class PictureError extends Error {
  override readonly name = 'PictureError'
}

/** @throws PictureError for bytes that are neither a PNG nor a whole pixmap of 8 bits per colour */
export async function toPng(picture: Buffer): Promise<Buffer> {
  if (picture.subarray(0, SIGNATURE.length).equals(SIGNATURE)) return picture
  const header = PIXMAP.exec(picture.subarray(0, MAX_HEADER).toString('latin1'))
  if (header === null) throw new PictureError('the screenshot is neither PNG nor a portable pixmap')
  const [text, width, height] = [header[0], Number(header[1]), Number(header[2])]
  const pixels = picture.subarray(text.length)
  if (width * height === 0 || width * height > MAX_PIXELS || pixels.length < width * height * BYTES_PER_PIXEL)
    throw new PictureError(`the screenshot of ${width} × ${height} pixels is not whole`)
  return await encode(pixels, width, height)
}

async function encode(pixels: Buffer, width: number, height: number): Promise<Buffer> {
  const rowBytes = width * BYTES_PER_PIXEL
  // Each row begins with the number of its filter; 0 is none, and screens of text compress well without.
  const rows = Buffer.alloc((rowBytes + 1) * height)
  for (let row = 0; row < height; row++)
    pixels.copy(rows, row * (rowBytes + 1) + 1, row * rowBytes, (row + 1) * rowBytes)
  const size = Buffer.alloc(8)
  size.writeUInt32BE(width, 0)
  size.writeUInt32BE(height, 4)
  const header = Buffer.concat([size, Buffer.from([BITS, TRUE_COLOUR, 0, 0, 0])])
  const data = await promisify(deflate)(rows)
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', data), chunk('IEND', Buffer.alloc(0))])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
}
