// Liveness and readiness as Kubernetes' servers answer them: `/livez`, `/readyz`, `/healthz` (the same as `/livez`), each with
// `?verbose` and `?exclude=NAME`, and each check by itself under `/readyz/NAME`.
import { type Answer, text } from './answer.ts'
import { noSuchPath } from './path.ts'

/** One thing that must work. Throws, with words, when it does not. */
export interface HealthCheck {
  /** Part of a path: letters, digits, hyphens. */
  readonly name: string
  check(signal: AbortSignal): Promise<void>
}

export interface HealthChecks {
  /** What only another process can mend: whoever watches this one should start it anew. */
  readonly liveness: readonly HealthCheck[]
  /** What keeps this server from its work now and may pass by itself. */
  readonly readiness: readonly HealthCheck[]
}

/** Milliseconds that a check may take. */
const CHECK_MS = 5_000
const UNAVAILABLE = 503
/** That this is answered at all. */
const PING: HealthCheck = { name: 'ping', check: async () => undefined }

/** Null when the path is about no health. @throws ApiError NotFound for a check that there is not */
export function answerHealth(
  [root, name, ...more]: readonly string[],
  query: URLSearchParams,
  { liveness, readiness }: HealthChecks,
): Promise<Answer> | null {
  if (root !== 'livez' && root !== 'readyz' && root !== 'healthz') return null
  const checks = [PING, ...(root === 'readyz' ? readiness : liveness)]
  const excluded = query.getAll('exclude')
  const chosen = checks.filter((one) => (name === undefined ? !excluded.includes(one.name) : one.name === name))
  if (more.length > 0 || (name !== undefined && chosen.length === 0)) throw noSuchPath()
  return answer(root, chosen, query.has('verbose'))
}

async function answer(root: string, checks: readonly HealthCheck[], verbose: boolean): Promise<Answer> {
  const results = await Promise.all(checks.map(async (one) => ({ name: one.name, ok: await passes(one) })))
  const failed = results.some(({ ok }) => !ok)
  if (!failed && !verbose) return text('ok')
  // Reasons are in the log and in conditions: whoever may ask this need not be allowed to read those.
  const lines = results.map((one) => (one.ok ? `[+]${one.name} ok` : `[-]${one.name} failed: reason withheld`))
  const verdict = `${root} check ${failed ? 'failed' : 'passed'}`
  return text(`${[...lines, verdict].join('\n')}\n`, failed ? UNAVAILABLE : 200)
}

/** A check that does not listen to its signal is given up all the same. */
async function passes({ check }: HealthCheck): Promise<boolean> {
  const signal = AbortSignal.timeout(CHECK_MS)
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  return await Promise.race([check(signal), late]).then(
    () => true,
    () => false,
  )
}
