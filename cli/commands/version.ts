// `berth version`: this program's and the server's.
import { messageOf } from '../../lib/errors.ts'
import { oneLine } from '../format/text.ts'
import { print } from '../io.ts'
import type { Session } from '../session.ts'
import { packageVersion } from '../version.ts'

/** A server out of reach is part of the answer, not an error. */
export async function version({ client, io }: Session): Promise<void> {
  print(io, `Client: ${packageVersion()}`)
  try {
    const answer = await client.transport.json({ path: '/version', timeoutMs: 5_000, signal: io.signal })
    const found =
      typeof answer === 'object' && answer !== null && 'gitVersion' in answer ? String(answer.gitVersion) : 'unknown'
    print(io, `Server: ${oneLine(found)} (${client.target.label})`)
  } catch (error) {
    print(io, `Server: ${oneLine(messageOf(error))}`)
  }
}
