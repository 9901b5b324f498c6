// The fencing command of a host: a program with arguments, never a shell. It has succeeded when it ends with 0 in time.
import { messageOf } from '../../lib/errors.ts'
import { run } from '../../lib/exec.ts'

export interface FenceCommand {
  /** Resolves with what to say of it. @throws when the host is not known to be off */
  fence(node: string, signal: AbortSignal): Promise<string>
  /** Whether there is a command for the host. */
  has(node: string): boolean
}

export interface FencingConfig {
  /** For hosts that are not in `nodes`; `{node}` is the name of the host. */
  readonly command?: readonly string[]
  readonly nodes: Readonly<Record<string, readonly string[]>>
  readonly deadlineSeconds: number
}

const MAX_OUTPUT = 64 * 1024

export function fenceBy({ command, nodes, deadlineSeconds }: FencingConfig): FenceCommand {
  const of = (node: string): readonly string[] | null => (Object.hasOwn(nodes, node) ? nodes[node] : command) ?? null
  return {
    has: (node) => of(node) !== null,
    fence: async (node, signal) => {
      const [program, ...args] = (of(node) ?? []).map((word) => word.replaceAll('{node}', node))
      if (program === undefined) throw new Error('no fencing command is configured for it')
      try {
        await run(program, args, { timeoutMs: deadlineSeconds * 1000, maxOutputBytes: MAX_OUTPUT, signal })
      } catch (error) {
        throw new Error(messageOf(error), { cause: error })
      }
      return `${program} succeeded`
    },
  }
}
