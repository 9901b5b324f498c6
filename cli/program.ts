// The command line: verbs, options, help. What a verb does is loaded when it is called, so that start-up stays short.
import { Argument, Command, Option } from 'commander'
import type { Shell } from './completion/scripts.ts'
import { nameCommands } from './groups.ts'
import type { Io } from './io.ts'
import { type GlobalOptions, withSession } from './session.ts'
import { addAccess } from './verbs/access.ts'
import { addMembership } from './verbs/membership.ts'
import { addMoves } from './verbs/moves.ts'
import { addObjects } from './verbs/objects.ts'
import { count } from './verbs/options.ts'
import type { Parts, Work } from './verbs/parts.ts'
import { addStreams } from './verbs/streams.ts'
import { packageVersion } from './version.ts'

const EXAMPLES = `
Examples:
  berth apply -f vm.yaml               create or change what a file describes
  berth get vm                         the virtual machines of a namespace
  berth get vm web -o yaml             one of them, whole
  berth get vm -A -w                   all of them, and every change
  berth describe vm web                with conditions and events, for reading
  berth console web                    its serial console; Ctrl-] leaves
  berth vnc web                        its screen
  berth ssh root@web                   a shell in it, over ssh
  berth port-forward web 8080:80       its port 80 on this machine's port 8080
  berth stop web --wait                shut it down and wait for it
  berth delete -f vm.yaml              delete what a file describes
  berth host check                     what this host can do, and why not

Without options the agent on this host is asked over its unix socket.
Exit codes: 0 done, 1 an error, 2 a wrong command line; of ssh and scp, OpenSSH's.`

export function buildProgram(io: Io): Command {
  const program = new Command('berth')
    .description('Virtual machines on bare-metal hosts, from declarative objects')
    .version(packageVersion(), '-V, --version', 'print the version of this program')
    .option('--socket <path>', 'unix socket of the server (default: BERTH_SOCKET, else /run/berth/agent.sock)')
    .option(
      '--kubeconfig <file>',
      'address and credentials of a server (default: BERTH_KUBECONFIG, or KUBECONFIG when Berth wrote it)',
    )
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', 'namespace of the objects (default: that of the context, else "default")')
    .addHelpText('after', EXAMPLES)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text) })
    .showSuggestionAfterError()

  /** An action with a session: options first, arguments after. */
  const action =
    <A extends readonly unknown[], O>(load: () => Promise<Work<A, O>>) =>
    async (...given: unknown[]): Promise<void> => {
      const command = given.at(-1) as Command
      const args = given.slice(0, -2) as unknown as A
      const options = command.optsWithGlobals<GlobalOptions & O>()
      const work = await load()
      await withSession(options, io, (session) => work(session, options, ...args))
    }

  const verb = (text: string, description: string): Command =>
    // Sub-commands inherit exitOverride and output settings when they are made by `command()`.
    program.command(text).description(description)

  const parts: Parts = { verb, action }
  addObjects(parts)
  addMoves(parts)
  addStreams(parts)

  verb('events', 'show what happened, oldest first')
    .argument('[vm]', 'only about this virtual machine')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-w, --watch', 'go on with every new event until interrupted')
    .option('--no-headers', 'without the line of column names')
    .action(action(async () => (await import('./commands/events.ts')).events))

  verb('audit', 'show who did what, oldest first')
    .option('--user <name>', 'only of this user')
    .option('--verb <verb>', 'only this verb: create, update, patch, delete, get, …')
    .option('--resource <plural>', 'only of this kind, or a part of it: secrets, virtualmachines/console')
    .option('--name <name>', 'only of the object of this name')
    .option('--failed', 'only what was refused or failed')
    .option('--since <when>', 'only of the last 30m, 12h, 7d, or from a time such as 2026-01-31T10:00:00Z on')
    .addOption(count('--limit <count>', 'the newest so many', 100))
    .addOption(new Option('-o, --output <form>', 'form of the answer: one JSON object a line').choices(['json']))
    .action(action(async () => (await import('./commands/audit.ts')).audit))

  verb('host', 'about the host that the agent runs on')
    .command('check')
    .description('what this host can and cannot do, and why; exit code 1 when something needed is missing')
    .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['json']))
    .action(action(async () => (await import('./commands/host-check.ts')).hostCheck))

  addAccess(parts, io)
  addMembership(parts)

  verb('api-resources', 'show the kinds that the server knows')
    .option('--no-headers', 'without the line of column names')
    .action(action(async () => (await import('./commands/api-resources.ts')).apiResources))

  verb('completion', 'print what makes a shell complete commands, kinds and names: source <(berth completion bash)')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: Shell) => {
      io.stdout.write((await import('./completion/scripts.ts')).SCRIPTS[shell])
    })

  verb('debug', 'write a bundle about this host or its scheduler for a helper, without secrets; as root, there')
    .argument('[file]', 'a file that is not there yet (default: a .tar.gz in this folder)')
    .option('--scheduler', 'about the scheduler on this machine instead')
    .option('--config <file>', 'configuration, when it is not /etc/berth/agent.yaml or /etc/berth/scheduler.yaml')
    .action(async (file: string | undefined, _own: unknown, command: Command) => {
      const work = await import('./commands/debug.ts')
      await work.debug(io, command.optsWithGlobals(), file)
    })

  verb('version', 'show the versions of this program and of the server').action(
    action(async () => (await import('./commands/version.ts')).version),
  )
  nameCommands(program)
  return program
}
