// Who holds a console or a screen now.
import type { Client } from '../../lib/client/client.ts'
import { isApiError } from '../../lib/errors.ts'
import { oneLine } from '../format/text.ts'

export interface Holder {
  readonly holder: string
  readonly startTime: string
  readonly client: string
}

/** Asks without connecting; null when it is free, or not there yet because the machine does not run. @throws ApiError */
export async function probe(client: Client, path: string, signal: AbortSignal): Promise<Holder | null> {
  const answer = await ask(client, path, signal)
  if (typeof answer !== 'object' || answer === null || !('holder' in answer)) return null
  const text = (key: string): string =>
    oneLine(String(Object.entries(answer).find(([name]) => name === key)?.[1] ?? 'unknown'))
  return { holder: text('holder'), startTime: text('startTime'), client: text('client') }
}

async function ask(client: Client, path: string, signal: AbortSignal): Promise<unknown> {
  try {
    return await client.transport.json({ path, query: { probe: 'true' }, signal })
  } catch (error) {
    if (isApiError(error, 'Conflict')) return null
    throw error
  }
}

export const describeHolder = ({ holder, startTime, client }: Holder): string =>
  `${holder} (${client}) since ${startTime}`
