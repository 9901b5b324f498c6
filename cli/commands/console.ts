// `berth console`: the serial console of a virtual machine on this terminal, or through pipes.
import type { Client } from '../../lib/client/client.ts'
import type { ByteStream } from '../../lib/client/streams.ts'
import { isApiError } from '../../lib/errors.ts'
import { attach } from '../console/attach.ts'
import { describeHolder, probe } from '../console/holder.ts'
import { askTakeOver } from '../console/prompt.ts'
import { oneLine } from '../format/text.ts'
import { type Io, note } from '../io.ts'
import type { Session } from '../session.ts'
import { Failed } from '../usage.ts'

export interface ConsoleOptions {
  readonly force?: boolean
  /** Milliseconds. */
  readonly timeout: number
}

const POLL_MS = 1_000
/** The close code of an orderly end (RFC 6455, 7.4.1). */
const NORMAL = 1000

interface Place {
  readonly client: Client
  readonly io: Io
  readonly vm: string
  readonly path: string
  /** When to give up waiting, monotonic ms. */
  readonly until: number
}

export async function console(session: Session, options: ConsoleOptions, vm: string): Promise<void> {
  const { client, io, namespace } = session
  const names = `namespaces/${encodeURIComponent(namespace)}/virtualmachines/${encodeURIComponent(vm)}`
  const path = `/apis/subresources.virtualization.deckhouse.io/v1alpha2/${names}/console`
  const place: Place = { client, io, vm, path, until: io.clock.monotonic() + options.timeout }

  if (!options.force && !(await mayConnect(place))) throw new Failed()
  const stream = await connect(place)
  const interactive = io.stdin.isTTY === true
  if (interactive) note(io, `Connected to ${vm}. Ctrl-] leaves; Enter may bring up the prompt.`)
  const outcome = await attach({ io, stream, readOnMs: options.timeout })

  if (outcome.why !== 'ended') {
    if (interactive) note(io, `\nLeft the console of ${vm}.`)
    return
  }
  const { code, reason } = outcome.end
  const words = oneLine(reason) || (code === NORMAL ? 'closed by the server' : `the connection was lost (${code})`)
  const again = `berth console ${vm}${session.namespaceGiven ? ` -n ${namespace}` : ''}`
  note(io, `${interactive ? '\n' : ''}The console of ${vm} ended: ${words}.\nReconnect with: ${again}`)
  if (code !== NORMAL) throw new Failed()
}

/** When someone holds the console, a person is asked; a script must say --force. */
async function mayConnect(place: Place): Promise<boolean> {
  const { client, io, vm, path } = place
  const holder = await probe(client, path, io.signal)
  if (holder === null) return true
  const held = `The console of ${vm} is held by ${describeHolder(holder)}.`
  if (io.stdin.isTTY !== true) throw new Error(`${held} --force takes it over.`)
  const answer = await askTakeOver(io, `${held} Take it over, or wait until it is free?`)
  if (answer === 'wait') await waitUntilFree(place)
  return answer !== 'no'
}

async function waitUntilFree({ client, io, vm, path, until }: Place): Promise<void> {
  note(io, `Waiting until the console of ${vm} is free; Ctrl-C ends it.`)
  for (;;) {
    await io.clock.sleep(POLL_MS, io.signal)
    const holder = await probe(client, path, io.signal)
    if (holder === null) return
    if (io.clock.monotonic() > until) throw new Error(`the console of ${vm} is still held by ${describeHolder(holder)}`)
  }
}

/** A machine that does not run yet is waited for. */
async function connect({ client, io, path, until }: Place): Promise<ByteStream> {
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
