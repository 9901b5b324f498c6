// `berth host check`: what the agent found out about its host, for reading.
import { isApiError } from '../../lib/errors.ts'
import { type Paint, showsUnicode } from '../format/colour.ts'
import { toJson } from '../format/documents.ts'
import { manyLines, oneLine } from '../format/text.ts'
import { print } from '../io.ts'
import type { Session } from '../session.ts'
import { Failed } from '../usage.ts'

const STATUSES = ['ok', 'warn', 'fail', 'info'] as const

interface Check {
  readonly title: string
  readonly status: (typeof STATUSES)[number]
  readonly message: string
  /** Figures behind the message. */
  readonly detail?: string
  /** What to do about it. */
  readonly remedy?: string
}

const PATH = '/apis/subresources.virtualization.deckhouse.io/v1alpha2/hostcheck'
/** The agent may have to measure first. */
const TIMEOUT_MS = 120_000

type Fields = Readonly<Record<string, unknown>>
const isRecord = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export async function hostCheck({ client, io, paint }: Session, options: { readonly output?: 'json' }): Promise<void> {
  const answer = await ask()
  if (!isRecord(answer) || !Array.isArray(answer.checks))
    throw new Error('the server answered the host check with something else')
  const checks = answer.checks.filter(isRecord).map(readCheck)
  if (options.output === 'json') print(io, toJson(answer))
  else for (const text of checkLines(String(answer.nodeName ?? ''), checks, paint, showsUnicode(io))) print(io, text)
  if (checks.some(({ status }) => status === 'fail')) throw new Failed()

  async function ask(): Promise<unknown> {
    try {
      return await client.transport.json({ path: PATH, timeoutMs: TIMEOUT_MS, signal: io.signal })
    } catch (error) {
      if (!isApiError(error, 'NotFound')) throw error
      throw new Error(
        `${client.target.label} has no host to check: ask the agent of a host, as with --socket /run/berth/agent.sock there`,
      )
    }
  }
}

function readCheck(value: Fields): Check {
  const status = STATUSES.find((known) => known === value.status)
  return {
    title: String(value.title ?? value.id ?? ''),
    // A word that this version does not know must not hide a fault.
    status: status ?? 'warn',
    message: String(value.message ?? ''),
    ...(typeof value.detail === 'string' && value.detail !== '' ? { detail: value.detail } : {}),
    ...(typeof value.remedy === 'string' && value.remedy !== '' ? { remedy: value.remedy } : {}),
  }
}

const MARKS = { ok: ['✓', '[ok]  '], warn: ['!', '[warn]'], fail: ['✗', '[FAIL]'], info: ['·', '[info]'] } as const
const STYLES = { ok: 'green', warn: 'yellow', fail: 'red', info: 'dim' } as const

export function checkLines(nodeName: string, checks: readonly Check[], paint: Paint, unicode: boolean): string[] {
  const count = (status: Check['status']) => checks.filter((check) => check.status === status).length
  const lines = checks.flatMap((check) => {
    const mark = paint(STYLES[check.status], MARKS[check.status][unicode ? 0 : 1])
    const indent = ' '.repeat(unicode ? 4 : 9)
    const more = (label: string, text: string | undefined) =>
      text === undefined
        ? []
        : manyLines(text)
            .split('\n')
            .map((part) => `${indent}${label}${part}`)
    return [
      `  ${mark} ${oneLine(check.title)}${check.message === '' ? '' : `: ${oneLine(check.message)}`}`,
      ...more('', check.detail),
      ...(check.status === 'ok' ? [] : more(unicode ? '→ ' : '-> ', check.remedy)),
    ]
  })
  const verdict = `${count('ok')} good, ${count('warn')} to look at, ${count('fail')} missing`
  return [...(nodeName === '' ? [] : [paint('bold', `Host ${oneLine(nodeName)}`)]), ...lines, '', verdict]
}
