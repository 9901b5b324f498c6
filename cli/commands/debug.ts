// `berth debug`: the bundle of this host, which only the host's own program can make: it needs no agent that answers.
import { realpath } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runChild } from '../child.ts'
import type { Io } from '../io.ts'
import type { GlobalOptions } from '../session.ts'
import { Failed, UsageError } from '../usage.ts'

export interface DebugOptions extends GlobalOptions {
  readonly config?: string
}

/** @throws UsageError for options that lead to another host, Failed with the exit code of `berth-agent debug` */
export async function debug(io: Io, options: DebugOptions, out: string | undefined): Promise<void> {
  const { socket, kubeconfig, context, namespace, config } = options
  if ([socket, kubeconfig, context, namespace].some((option) => option !== undefined))
    throw new UsageError(
      'berth debug is about the host that it runs on, whole: run it there, as root, without these options',
    )
  const launcher = await realpath(io.self.at(-1) ?? '')
  const args = [
    ...(config === undefined ? [] : ['--config', config]),
    'debug',
    ...(out === undefined ? [] : ['--', out]),
  ]
  const code = await runChild(io, { file: join(dirname(launcher), 'berth-agent'), args, reads: false })
  if (code !== 0) throw new Failed(code)
}
