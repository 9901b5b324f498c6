// `berth vnc`: a local port that a VNC viewer connects to, and the viewer itself when there is one.
import { messageOf } from '../../lib/errors.ts'
import { findProgram, runChild } from '../child.ts'
import { oneLine } from '../format/text.ts'
import { type Io, note, print, untilInterrupted } from '../io.ts'
import type { Session } from '../session.ts'
import { type Claim, mayConnect } from '../streams/claim.ts'
import { join, NORMAL } from '../streams/join.ts'
import { hostPort, listen, localSocket } from '../streams/listen.ts'
import { streamPath } from '../streams/path.ts'
import { parsePlace } from '../streams/target.ts'
import { Failed } from '../usage.ts'

export interface VncOptions {
  readonly address: string
  readonly port: number
  readonly proxyOnly?: boolean
  readonly force?: boolean
}

const WAIT_MS = 300_000
/** What a viewer on this machine calls an address that means all of its own. */
const EVERYWHERE: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** Program -> its argument for an address. */
const VIEWERS: Readonly<Record<string, (address: string, port: number) => string>> = {
  'remote-viewer': (address, port) => `vnc://${hostPort(address, port)}`,
  vncviewer: (address, port) => `${address}::${port}`,
}

export async function vnc(session: Session, options: VncOptions, vm: string): Promise<void> {
  const { io, client } = session
  const { name, namespace = session.namespace } = parsePlace(vm)
  const path = streamPath(namespace, name, 'vnc')
  const claim: Claim = { client, io, label: `screen of ${name}`, path, until: io.clock.monotonic() + WAIT_MS }
  // Says in words when there is nothing to look at.
  await client.transport.json({ path, query: { probe: 'true' }, signal: io.signal })
  if (!options.force && !(await mayConnect(claim))) throw new Failed()
  const listening = await listen(options, async (socket) => {
    try {
      const stream = await client.stream({ path, signal: io.signal })
      const { code, reason } = await join(stream, localSocket(socket), { halfClose: false })
      if (code !== NORMAL || reason !== '') tellEnd(io, name, oneLine(reason) || `the connection was lost (${code})`)
    } catch (error) {
      tellEnd(io, name, oneLine(messageOf(error)))
    }
  })
  try {
    await show(io, options, { name, port: listening.port })
  } finally {
    await listening.close()
  }
}

async function show(
  io: Io,
  { address, proxyOnly }: VncOptions,
  { name, port }: { readonly name: string; readonly port: number },
): Promise<void> {
  const near = EVERYWHERE[address] ?? address
  const viewer = proxyOnly ? null : await findProgram(io, Object.keys(VIEWERS))
  const argument = viewer === null ? undefined : VIEWERS[viewer]?.(near, port)
  if (viewer !== null && argument !== undefined) {
    const code = await runChild(io, { file: viewer, args: [argument], reads: false })
    if (code !== 0 && !io.signal.aborted) throw new Error(`${viewer} ended with ${code}`)
    return
  }
  // One line of JSON, as DVP's client prints it for scripts.
  if (proxyOnly) print(io, JSON.stringify({ port }))
  else note(io, `No viewer was found (${Object.keys(VIEWERS).join(', ')}).`)
  note(io, `The screen of ${name} is at vnc://${hostPort(address, port)}; Ctrl-C ends it.`)
  await untilInterrupted(io)
}

const tellEnd = (io: Io, name: string, words: string): void => {
  if (!io.signal.aborted) note(io, `The screen of ${name} ended: ${words}.`)
}
