// Turns a probed foreign image into our own qcow2, confined: same input, same bytes, so that its digest names it.
import { open } from 'node:fs/promises'
import { ProgramError } from '../../lib/exec.ts'
import type { Room } from './confine.ts'
import { ImportError, refused } from './errors.ts'
import { detect, HEAD_BYTES, type SourceFormat } from './format.ts'

const MEMORY = 2 * 1024 * 1024 * 1024
/** CPU seconds allowed per GiB of disk, and at least; a slow core converts some 100 MiB/s. */
const CPU_PER_GIB = 60
const CPU_LEAST = 300
const GIB = 1024n ** 3n
/** What qcow2 needs beside the data: tables of some 0.02 %, and a start. */
const overhead = (size: bigint): bigint => size / 1000n + 64n * 1024n * 1024n

/** Every option that has a say in the bytes is spelled out, so that versions of QEMU agree as far as they can. */
const OUTPUT = ['-O', 'qcow2', '-o', 'compat=1.1,cluster_size=65536,lazy_refcounts=off,preallocation=off']

export interface ConvertOptions {
  readonly format: Exclude<SourceFormat, 'iso'>
  readonly virtualSize: bigint
  /** Bytes that the result may take at most because there is no more room. */
  readonly spaceBytes: bigint
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Converts `in` to `out` of the room and returns the path of the result on the host. @throws ImportError */
export async function convert(room: Room, input: string, output: string, options: ConvertOptions): Promise<string> {
  const path = await room.output(output)
  const needed = options.virtualSize + overhead(options.virtualSize)
  const fits = needed <= options.spaceBytes
  const cpuSeconds = Math.max(CPU_LEAST, Number(options.virtualSize / GIB) * CPU_PER_GIB)
  const args = ['convert', '-f', options.format, ...OUTPUT, `/work/${input}`, `/work/${output}`]
  const limits = {
    addressSpaceBytes: MEMORY,
    openFiles: 64,
    cpuSeconds,
    fileSizeBytes: Number(fits ? needed : options.spaceBytes),
  }
  await room
    .run('qemu-img', args, { timeoutMs: options.timeoutMs, signal: options.signal, nice: 10, limits })
    .catch((error: unknown) => {
      throw inWords(error, fits)
    })
  await checkResult(path, options.virtualSize)
  return path
}

function inWords(error: unknown, fits: boolean): unknown {
  if (!(error instanceof ProgramError) || error.end.kind === 'cancelled') return error
  if (!fits || /no space left/i.test(error.stderrTail)) {
    return new ImportError('host', 'there is not enough free space for the converted image', { cause: error })
  }
  if (error.end.kind === 'exit') {
    return refused(`the image can't be converted: ${error.stderrTail}`, { cause: error })
  }
  return new ImportError('host', `the image can't be converted: ${error.message}`, { cause: error })
}

/** A hostile image may have taken over the converter: its product is believed no further than its header says. */
async function checkResult(path: string, virtualSize: bigint): Promise<void> {
  const file = await open(path, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    const { bytesRead } = await file.read(head, 0, head.length, 0)
    const found = detect(head.subarray(0, bytesRead))
    const size = bytesRead >= 32 ? head.readBigUInt64BE(24) : 0n
    if (found.kind !== 'image' || found.format !== 'qcow2' || size !== virtualSize) {
      throw refused('the converted image is not what was asked for')
    }
  } finally {
    await file.close()
  }
}
