// Disk images in every format, made with the host's own tools, all with the same recognizable content.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

const exec = promisify(execFile)

/** Size of the disk in the images. */
export const DISK_BYTES = 8 * 1024 * 1024

export interface Sources {
  /** The disk's content. */
  readonly raw: Buffer
  readonly qcow2: Buffer
  readonly vmdk: Buffer
  readonly vdi: Buffer
  readonly iso: Buffer
}

export async function makeSources(dir: string): Promise<Sources> {
  const raw = Buffer.alloc(DISK_BYTES)
  raw.write('berth test disk', 0)
  randomBytes(300_000).copy(raw, 1_000_000)
  randomBytes(70_000).copy(raw, 6_000_000)
  const path = join(dir, 'disk.raw')
  await writeFile(path, raw)
  const as = async (format: string, ...options: string[]): Promise<Buffer> => {
    const output = join(dir, `disk.${format}`)
    await exec('qemu-img', ['convert', '-f', 'raw', '-O', format, ...options, path, output])
    return readFile(output)
  }
  const tree = join(dir, 'iso')
  await mkdir(tree)
  await writeFile(join(tree, 'readme.txt'), 'berth')
  await exec('genisoimage', ['-quiet', '-r', '-J', '-o', join(dir, 'disk.iso'), tree])
  return {
    raw,
    qcow2: await as('qcow2', '-c'),
    vmdk: await as('vmdk', '-o', 'subformat=streamOptimized'),
    vdi: await as('vdi'),
    iso: await readFile(join(dir, 'disk.iso')),
  }
}

export const gz = (content: Buffer): Buffer => gzipSync(content)

export async function xz(dir: string, content: Buffer): Promise<Buffer> {
  const path = join(dir, `xz-${randomBytes(4).toString('hex')}`)
  await writeFile(path, content)
  await exec('xz', ['-0', path])
  return readFile(`${path}.xz`)
}
