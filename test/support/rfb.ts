// As much of RFB 3.8 as tells that a screen is there: the handshake without a password, its size, one whole picture.
import type { ByteStream } from '../../lib/client/streams.ts'
import { StreamReader } from './stream-reader.ts'

export const RFB_VERSION = 'RFB 003.008\n'
const NO_PASSWORD = 1
const RAW = 0
const UPDATE = 0

export interface Screen {
  readonly width: number
  readonly height: number
  readonly name: string
  /** 4 bytes per pixel, blue first. */
  readonly pixels: Buffer
}

/** @throws Error at the first thing that is not as the protocol has it */
export async function lookAt(stream: Pick<ByteStream, 'readable' | 'write'>): Promise<Screen> {
  const reader = new StreamReader(stream)
  expectText(await reader.take(RFB_VERSION.length), RFB_VERSION)
  await stream.write(Buffer.from(RFB_VERSION))
  const [count = 0] = await reader.take(1)
  if (!(await reader.take(count)).includes(NO_PASSWORD)) throw new Error('the server wants a password')
  await stream.write(Buffer.from([NO_PASSWORD]))
  if ((await reader.take(4)).readUInt32BE() !== 0) throw new Error('the server refuses')
  await stream.write(Buffer.from([1]))
  const init = await reader.take(24)
  const [width, height] = [init.readUInt16BE(0), init.readUInt16BE(2)]
  const name = (await reader.take(init.readUInt32BE(20))).toString('utf8')
  await stream.write(Buffer.concat([pixelFormat(), encodings(RAW), request(width, height)]))
  const [type] = await reader.take(2)
  if (type !== UPDATE) throw new Error(`message ${type} instead of a picture`)
  const pixels = Buffer.alloc(width * height * 4)
  const rectangles = (await reader.take(2)).readUInt16BE()
  for (let index = 0; index < rectangles; index++) {
    const head = await reader.take(12)
    const [x, y, w, h] = [0, 2, 4, 6].map((at) => head.readUInt16BE(at)) as [number, number, number, number]
    const data = await reader.take(w * h * 4)
    for (let row = 0; row < h; row++) data.copy(pixels, ((y + row) * width + x) * 4, row * w * 4, (row + 1) * w * 4)
  }
  return { width, height, name, pixels }
}

const pixelFormat = (): Buffer => Buffer.from([0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0])

const encodings = (encoding: number): Buffer => Buffer.from([2, 0, 0, 1, 0, 0, 0, encoding])

function request(width: number, height: number): Buffer {
  const message = Buffer.alloc(10)
  message[0] = 3
  message.writeUInt16BE(width, 6)
  message.writeUInt16BE(height, 8)
  return message
}

function expectText(seen: Buffer, wanted: string): void {
  if (seen.toString('latin1') !== wanted) throw new Error(`${JSON.stringify(seen.toString('latin1'))}, not ${wanted}`)
}
