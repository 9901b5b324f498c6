// A stream that one client at a time has: who holds it is asked before it is taken over.
import type { Client } from '../../lib/client/client.ts'
import { askTakeOver } from '../console/prompt.ts'
import { type Io, note } from '../io.ts'
import { describeHolder, probe } from './holder.ts'

export interface Claim {
  readonly client: Client
  readonly io: Io
  /** What people call it: `console of web`. */
  readonly label: string
  readonly path: string
  /** When to give up waiting, monotonic ms. */
  readonly until: number
}

const POLL_MS = 1_000

/** When someone holds it, a person is asked; a script must say --force. */
export async function mayConnect(claim: Claim): Promise<boolean> {
  const { client, io, label, path } = claim
  const holder = await probe(client, path, io.signal)
  if (holder === null) return true
  const held = `The ${label} is held by ${describeHolder(holder)}.`
  if (io.stdin.isTTY !== true) throw new Error(`${held} --force takes it over.`)
  const answer = await askTakeOver(io, `${held} Take it over, or wait until it is free?`)
  if (answer === 'wait') await waitUntilFree(claim)
  return answer !== 'no'
}

async function waitUntilFree({ client, io, label, path, until }: Claim): Promise<void> {
  note(io, `Waiting until the ${label} is free; Ctrl-C ends it.`)
  for (;;) {
    await io.clock.sleep(POLL_MS, io.signal)
    const holder = await probe(client, path, io.signal)
    if (holder === null) return
    if (io.clock.monotonic() > until) throw new Error(`the ${label} is still held by ${describeHolder(holder)}`)
  }
}
