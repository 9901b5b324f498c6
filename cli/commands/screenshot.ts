// `berth screenshot`: a picture of a guest's screen.
import { writeFile } from 'node:fs/promises'
import { type Io, note } from '../io.ts'
import type { Session } from '../session.ts'
import { streamPath } from '../streams/path.ts'
import { parsePlace } from '../streams/target.ts'
import { UsageError } from '../usage.ts'

export interface ScreenshotOptions {
  readonly output: string
}

export async function screenshot(session: Session, { output }: ScreenshotOptions, vm: string): Promise<void> {
  const { io, client } = session
  if (output === '-' && io.stdout.isTTY) throw new UsageError('a picture is nothing for a terminal: give -o a file')
  const { name, namespace = session.namespace } = parsePlace(vm)
  const path = streamPath(namespace, name, 'screenshot')
  const png = await client.transport.bytes({ path, accept: 'image/png', signal: io.signal })
  await save(io, output, png)
}

async function save(io: Io, output: string, png: Buffer): Promise<void> {
  if (output === '-') {
    io.stdout.write(png)
    return
  }
  await writeFile(output, png)
  note(io, `${output}: ${png.length} bytes`)
}
