// Reading the audit log back, newest first, without holding it in memory.
import { type FileHandle, open } from 'node:fs/promises'
import { AuditFile } from './audit-file.ts'
import type { AuditEvent } from './event.ts'

/** What is asked for; each part that is given must fit. */
export interface AuditFilter {
  readonly user?: string
  readonly verb?: string
  readonly namespace?: string
  /** `virtualmachines`, or with a part of it: `virtualmachines/console`. */
  readonly resource?: string
  readonly name?: string
  /** Milliseconds since the epoch; nothing older. */
  readonly since?: number
  /** Only what was refused or failed (status 400 and above). */
  readonly failed?: boolean
}

const CHUNK = 65_536
const MAX_LINE = 65_536

export const fits =
  (filter: AuditFilter) =>
  (event: AuditEvent): boolean => {
    const { resource = '', subresource, namespace, name } = event.objectRef ?? {}
    const whole = subresource === undefined ? resource : `${resource}/${subresource}`
    return (
      (filter.user === undefined || event.user.username === filter.user) &&
      (filter.verb === undefined || event.verb === filter.verb) &&
      (filter.namespace === undefined || namespace === filter.namespace) &&
      (filter.resource === undefined || filter.resource === resource || filter.resource === whole) &&
      (filter.name === undefined || name === filter.name) &&
      (filter.failed !== true || event.responseStatus.code >= 400)
    )
  }

/** The newest `limit` events that fit, oldest first. Damaged lines are passed over. */
export async function readAudit(path: string, filter: AuditFilter, limit: number): Promise<readonly AuditEvent[]> {
  const found: AuditEvent[] = []
  const wanted = fits(filter)
  for (const file of await AuditFile.files(path)) {
    for await (const line of linesBackwards(file)) {
      const event = parse(line)
      if (event === null) continue
      if (filter.since !== undefined && Date.parse(event.stageTimestamp) < filter.since) return found.reverse()
      if (!wanted(event)) continue
      found.push(event)
      if (found.length >= limit) return found.reverse()
    }
  }
  return found.reverse()
}

function parse(line: string): AuditEvent | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null && 'auditID' in value && 'user' in value
      ? (value as AuditEvent)
      : null
  } catch {
    return null
  }
}

/** Lines of a file from its end; none when it is gone. A line longer than {@link MAX_LINE} is not ours and passed over. */
async function* linesBackwards(path: string): AsyncGenerator<string, void, undefined> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
    throw error
  }
  try {
    let position = (await file.stat()).size
    let tail = Buffer.alloc(0)
    while (position > 0) {
      const length = Math.min(CHUNK, position)
      position -= length
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
      const bytes = Buffer.concat([buffer.subarray(0, bytesRead), tail])
      const end = bytes.indexOf(0x0a)
      if (position > 0 && end === -1) {
        tail = bytes.length > MAX_LINE ? Buffer.alloc(0) : bytes
        continue
      }
      const first = position === 0 ? 0 : end + 1
      const lines = bytes.toString('utf8', first).split('\n')
      for (const line of lines.reverse()) if (line !== '') yield line
      tail = bytes.subarray(0, first)
    }
  } finally {
    await file.close()
  }
}
