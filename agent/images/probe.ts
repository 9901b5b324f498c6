// Has a foreign disk image looked at by `qemu-img info`, confined, and refuses what reaches beyond its own file.

import { messageOf } from '../../lib/errors.ts'
import type { RunOptions } from '../../lib/exec.ts'
import { ProgramError } from '../../lib/exec.ts'
import type { Room } from './confine.ts'
import { ImportError, refused } from './errors.ts'
import type { SourceFormat } from './format.ts'

/** What the image is to a guest. */
export interface Probed {
  /** Bytes, a multiple of 512. */
  readonly virtualSize: bigint
}

const INFO: Pick<RunOptions, 'limits' | 'timeoutMs'> = {
  timeoutMs: 60_000,
  limits: { addressSpaceBytes: 1024 * 1024 * 1024, cpuSeconds: 30, fileSizeBytes: 0, openFiles: 64 },
}
const SECTOR = 512n
const VMDK_TYPES = ['monolithicSparse', 'streamOptimized']

/** @param name of the file in the room; confined programs must be able to read it */
export async function probe(
  room: Room,
  name: string,
  format: Exclude<SourceFormat, 'iso'>,
  maxVirtualBytes: bigint,
  signal: AbortSignal,
): Promise<Probed> {
  const path = `/work/${name}`
  const args = ['info', '--output=json', '-f', format, path]
  const { stdout } = await room.run('qemu-img', args, { ...INFO, signal }).catch((error: unknown) => {
    throw unreadable(error, format)
  })
  return judge(parse(stdout), format, path, maxVirtualBytes)
}

function unreadable(error: unknown, format: string): unknown {
  if (!(error instanceof ProgramError)) return error
  if (error.end.kind === 'not-started' || error.end.kind === 'cancelled') return error
  // Ended from outside, for want of memory or time: what that says of the image another try will show.
  if (error.end.kind === 'signal' || error.end.kind === 'timeout') {
    return new ImportError('host', `the ${format} image can't be looked at: ${error.message}`, { cause: error })
  }
  return refused(`the ${format} image can't be read: ${error.stderrTail || error.message}`, { cause: error })
}

type Facts = Readonly<Record<string, unknown>>

function parse(json: string): Facts {
  try {
    return facts(JSON.parse(json))
  } catch (cause) {
    throw new ImportError('host', `the answer of qemu-img was not understood: ${messageOf(cause)}`, { cause })
  }
}

const facts = (value: unknown): Facts => (typeof value === 'object' && value !== null ? (value as Facts) : {})

/** Pure: the rules, on what `qemu-img info` said of the file at `path`. @throws ImportError */
export function judge(info: Facts, format: string, path: string, maxVirtualBytes: bigint): Probed {
  const specific = facts(facts(info['format-specific']).data)
  if (info.format !== format) throw refused(`the image is ${String(info.format)}, not ${format} as its first bytes say`)
  if (info['backing-filename'] !== undefined || info['full-backing-filename'] !== undefined) {
    throw refused('the image has a backing file, which is not allowed')
  }
  if (specific['data-file'] !== undefined) throw refused('the image has an external data file, which is not allowed')
  if (info.encrypted === true || specific.encrypt !== undefined) throw refused('the image is encrypted')
  if (specific.corrupt === true) throw refused('the image is marked as corrupt')
  if (format === 'vmdk') judgeVmdk(specific, path)
  return { virtualSize: judgeSize(info['virtual-size'], maxVirtualBytes) }
}

function judgeVmdk(specific: Facts, path: string): void {
  const type = String(specific['create-type'])
  if (!VMDK_TYPES.includes(type)) {
    throw refused(`the VMDK image is of type ${type}: only ${VMDK_TYPES.join(' and ')} are supported`)
  }
  const extents = Array.isArray(specific.extents) ? specific.extents.map(facts) : []
  if (extents.length !== 1 || extents[0]?.filename !== path) throw refused('the VMDK image names other files')
}

function judgeSize(size: unknown, max: bigint): bigint {
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw refused('the size of the disk in the image is beyond all bounds')
  }
  if (size === 0) throw refused('the image describes an empty disk')
  if (BigInt(size) > max) {
    throw refused(`the image describes a disk of ${size} bytes, importer.maxVirtualBytes is ${max}`)
  }
  return ((BigInt(size) + SECTOR - 1n) / SECTOR) * SECTOR
}
