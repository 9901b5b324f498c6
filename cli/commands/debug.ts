// `berth debug`: the bundle of this host or of the scheduler on it, which only their own programs can make: it needs no server that answers.
import { realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runChild } from '../child.ts'
import type { Io } from '../io.ts'
import type { GlobalOptions } from '../session.ts'
import { Failed, UsageError } from '../usage.ts'

export interface DebugOptions extends GlobalOptions {
  readonly config?: string
  readonly scheduler?: boolean
}

/** @throws UsageError for options that lead to another host, Failed with the exit code of `berth-agent debug` or `berth-scheduler debug` */
export async function debug(io: Io, options: DebugOptions, out: string | undefined): Promise<void> {
  const { socket, kubeconfig, context, namespace, config, scheduler = false } = options
  if ([socket, kubeconfig, context, namespace].some((option) => option !== undefined))
    throw new UsageError(
      'berth debug is about the host that it runs on, whole: run it there, as root, without these options. --scheduler makes it about the scheduler on this machine',
    )
  const launcher = await realpath(io.self.at(-1) ?? '')
  const args = [
    ...(config === undefined ? [] : ['--config', config]),
    'debug',
    ...(out === undefined ? [] : ['--', out]),
  ]
  const program = scheduler ? 'berth-scheduler' : 'berth-agent'
  const code = await runChild(io, { file: join(dirname(launcher), program), args, reads: false })
  if (code !== 0) throw new Failed(code)
}
