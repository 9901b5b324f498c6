// A tar archive (POSIX ustar) of small files in memory: nothing of it touches the disk before it is what it should be.

export interface TarFile {
  /** At most 100 bytes, with folders before a slash. */
  readonly name: string
  readonly bytes: Uint8Array
}

const BLOCK = 512
const MODE = '0000600'
const MAX_NAME = 100

/** @throws Error for a name that is too long */
export function tar(files: readonly TarFile[], mtimeMs: number): Buffer {
  const blocks = files.flatMap(({ name, bytes }) => [
    header(name, bytes.length, mtimeMs),
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK),
  ])
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])
}

function header(name: string, size: number, mtimeMs: number): Buffer {
  if (Buffer.byteLength(name) > MAX_NAME) throw new Error(`the name ${name} is too long for the archive`)
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0')
  block.write(name, 0)
  block.write(MODE, 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(octal(size, 11), 124)
  block.write(octal(Math.floor(mtimeMs / 1000), 11), 136)
  block.write('        ', 148)
  block.write('0', 156)
  block.write('ustar\u000000', 257)
  block.write('root', 265)
  block.write('root', 297)
  // The sum is made with spaces in its own place.
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${octal(sum, 6)}\u0000 `, 148)
  return block
}
