// One command's connection: which server, which namespace, and the output it writes to. What only some commands need
// is imported when they do, so that the others start faster.
import { existsSync } from 'node:fs'
import type { Client } from '../lib/client/client.ts'
import { DEFAULT_SOCKET, socketTarget, type Target } from '../lib/client/target.ts'
import { type Paint, painter } from './format/colour.ts'
import type { Io } from './io.ts'
import { loginFile } from './login/path.ts'
import { UsageError } from './usage.ts'
import { packageVersion } from './version.ts'

/** Options that every command takes. */
export interface GlobalOptions {
  readonly socket?: string
  readonly kubeconfig?: string
  readonly context?: string
  readonly namespace?: string
}

export interface Session {
  readonly io: Io
  readonly client: Client
  /** Of `-n`, else of the kubeconfig's context, else `default`. */
  readonly namespace: string
  /** True when the command line named the namespace. */
  readonly namespaceGiven: boolean
  readonly paint: Paint
}

/**
 * `--socket` or `--kubeconfig`, else BERTH_KUBECONFIG, else BERTH_SOCKET, else KUBECONFIG when Berth wrote the file, else what `berth login`
 * kept, else the agent's default socket. Another KUBECONFIG is not looked at: it names Kubernetes clusters, and a `delete` in the wrong
 * place must not come from habit.
 */
export async function resolveTarget(options: GlobalOptions, env: Io['env']): Promise<Target> {
  if (options.socket !== undefined && options.kubeconfig !== undefined)
    throw new UsageError('give --socket or --kubeconfig, not both')
  const kubeconfig =
    options.kubeconfig ?? (options.socket === undefined ? env.BERTH_KUBECONFIG || undefined : undefined)
  if (kubeconfig !== undefined) {
    const { loadKubeconfig } = await import('../lib/client/kubeconfig.ts')
    return await loadKubeconfig(kubeconfig, options.context)
  }
  if (options.socket === undefined && !env.BERTH_SOCKET) {
    const { isOwnKubeconfig, loadKubeconfig } = await import('../lib/client/kubeconfig.ts')
    if (env.KUBECONFIG && (await isOwnKubeconfig(env.KUBECONFIG)))
      return await loadKubeconfig(env.KUBECONFIG, options.context)
    const login = loginFile(env)
    if (login !== null && existsSync(login)) return await loadKubeconfig(login, options.context)
  }
  if (options.context !== undefined)
    throw new UsageError('--context needs --kubeconfig, BERTH_KUBECONFIG or "berth login"')
  return socketTarget(options.socket ?? (env.BERTH_SOCKET || DEFAULT_SOCKET))
}

/** Runs `work` with a session and closes it after. */
export async function withSession<T>(
  options: GlobalOptions,
  io: Io,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const target = await resolveTarget(options, io.env)
  const { Client } = await import('../lib/client/client.ts')
  const client = new Client(target, `berth/${packageVersion()}`)
  try {
    return await work({
      io,
      client,
      namespace: options.namespace ?? target.namespace,
      namespaceGiven: options.namespace !== undefined,
      paint: painter(io),
    })
  } finally {
    await client.close()
  }
}
