// `berth port-forward`: local ports, or the standard input and output, lead to ports of a guest.
import { oneLine } from '../format/text.ts'
import { type Io, note, print, untilInterrupted } from '../io.ts'
import type { Session } from '../session.ts'
import { dial, forward } from '../streams/forward.ts'
import { join, type Local, NORMAL } from '../streams/join.ts'
import { hostPort, type Listening } from '../streams/listen.ts'
import { streamPath } from '../streams/path.ts'
import { type Port, parsePlace, parsePort } from '../streams/target.ts'
import { UsageError } from '../usage.ts'

export interface PortForwardOptions {
  readonly address: string
  readonly stdio?: boolean
}

export async function portForward(
  session: Session,
  options: PortForwardOptions,
  vm: string,
  words: readonly string[],
): Promise<void> {
  const { io, client } = session
  const { name, namespace = session.namespace } = parsePlace(vm)
  const ports = words.map(parsePort)
  const path = streamPath(namespace, name, 'portforward')
  if (options.stdio) return await throughStdio(session, path, ports)
  const { address } = options
  const open: Listening[] = []
  try {
    for (const port of ports) {
      const listening = await forward({ io, client, path, address, port })
      open.push(listening)
      print(io, `Forwarding ${port.protocol} ${hostPort(address, listening.port)} -> ${name}:${port.target}`)
    }
    note(io, 'Ctrl-C ends it.')
    await untilInterrupted(io)
  } finally {
    await Promise.all(open.map((listening) => listening.close()))
  }
}

/** What ssh's ProxyCommand is made of. @throws Error when the connection fails */
async function throughStdio({ io, client }: Session, path: string, ports: readonly Port[]): Promise<void> {
  const [port, ...more] = ports
  if (port === undefined || more.length > 0) throw new UsageError('--stdio works with one port')
  const stream = await dial({ io, client, path, port })
  const { code, reason } = await join(stream, stdioOf(io), { halfClose: port.protocol === 'tcp' })
  if (io.signal.aborted) throw io.signal.reason
  if (code !== NORMAL) throw new Error(oneLine(reason) || `the connection was lost (${code})`)
}

const stdioOf = ({ stdin, stdout }: Io): Local => ({
  input: stdin,
  write: async (chunk) => {
    if (stdout.write(chunk) === false) await new Promise<void>((resolve) => stdout.once?.('drain', resolve))
  },
  end: () => undefined,
})
