// `berth console`: the serial console of a virtual machine on this terminal, or through pipes.
import type { ByteStream } from '../../lib/client/streams.ts'
import { isApiError } from '../../lib/errors.ts'
import { attach } from '../console/attach.ts'
import { oneLine } from '../format/text.ts'
import { note } from '../io.ts'
import type { Session } from '../session.ts'
import { type Claim, mayConnect } from '../streams/claim.ts'
import { streamPath } from '../streams/path.ts'
import { parsePlace } from '../streams/target.ts'
import { Failed } from '../usage.ts'

export interface ConsoleOptions {
  readonly force?: boolean
  /** Milliseconds. */
  readonly timeout: number
}

const POLL_MS = 1_000
/** The close code of an orderly end (RFC 6455, 7.4.1). */
const NORMAL = 1000

export async function console(session: Session, options: ConsoleOptions, vm: string): Promise<void> {
  const { client, io } = session
  const { name, namespace = session.namespace } = parsePlace(vm)
  const claim: Claim = {
    client,
    io,
    label: `console of ${vm}`,
    path: streamPath(namespace, name, 'console'),
    until: io.clock.monotonic() + options.timeout,
  }

  if (!options.force && !(await mayConnect(claim))) throw new Failed()
  const stream = await connect(claim)
  const interactive = io.stdin.isTTY === true
  if (interactive) note(io, `Connected to ${vm}. Ctrl-] leaves; Enter may bring up the prompt.`)
  const outcome = await attach({ io, stream, readOnMs: options.timeout })

  if (outcome.why !== 'ended') {
    if (interactive) note(io, `\nLeft the console of ${vm}.`)
    return
  }
  const { code, reason } = outcome.end
  const words = oneLine(reason) || (code === NORMAL ? 'closed by the server' : `the connection was lost (${code})`)
  const again = `berth console ${vm}${session.namespaceGiven ? ` -n ${session.namespace}` : ''}`
  note(io, `${interactive ? '\n' : ''}The console of ${vm} ended: ${words}.\nReconnect with: ${again}`)
  if (code !== NORMAL) throw new Failed()
}

/** A machine that does not run yet is waited for. */
async function connect({ client, io, path, until }: Claim): Promise<ByteStream> {
  for (let told = false; ; told = true) {
    try {
      return await client.stream({ path, signal: io.signal })
    } catch (error) {
      if (!isApiError(error, 'Conflict') || io.clock.monotonic() > until) throw error
      if (!told) note(io, `${oneLine(error.message)}; waiting, Ctrl-C ends it.`)
    }
    await io.clock.sleep(POLL_MS, io.signal)
  }
}
