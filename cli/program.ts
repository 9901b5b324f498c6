// The command line: verbs, options, help. What a verb does is loaded when it is called, so that start-up stays short.
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import type { Shell } from './completion/scripts.ts'
import { parseDuration } from './duration.ts'
import type { Io } from './io.ts'
import { addMoves } from './moves.ts'
import { type GlobalOptions, type Session, withSession } from './session.ts'
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

type Work<A extends readonly unknown[], O> = (session: Session, options: O, ...args: A) => Promise<void>

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

  verb('apply', 'create objects, or change them to what files say; fields that a file no longer has go')
    .requiredOption('-f, --filename <path...>', 'YAML or JSON file, folder of them, or - for the standard input')
    .option('--dry-run', 'let the server check everything and store nothing')
    .action(action(async () => (await import('./commands/apply.ts')).apply))

  verb('create', 'create objects from files; generateName is allowed')
    .requiredOption('-f, --filename <path...>', 'YAML or JSON file, folder of them, or - for the standard input')
    .option('--dry-run', 'let the server check everything and store nothing')
    .action(action(async () => (await import('./commands/create.ts')).create))

  verb('get', 'show objects as a table or in full')
    .argument('<kind...>', 'KIND, KIND/NAME, KIND NAME…, or KIND,KIND')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'only with these labels: app=web,tier!=db')
    .option('--field-selector <fields>', 'only with these fields: metadata.name=web')
    .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['wide', 'json', 'yaml', 'name']))
    .option('-w, --watch', 'go on with every change until interrupted')
    .option('--no-headers', 'without the line of column names')
    .action(action(async () => (await import('./commands/get.ts')).get))

  verb('describe', 'show an object for reading: fields, conditions, events')
    .argument('<kind>', 'KIND or KIND/NAME')
    .argument('[name...]', 'names; all objects of the namespace when left out')
    .action(action(async () => (await import('./commands/describe.ts')).describe))

  verb('explain', 'show for each host of the cluster whether it can take a virtual machine, with its score or why not')
    .argument('<kind>', 'vm, or vm/NAME')
    .argument('[name...]', 'names of virtual machines')
    .addOption(whatIf())
    .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['json']))
    .action(action(async () => (await import('./commands/explain.ts')).explain))

  verb('place', 'show where new virtual machines would go; nothing is created')
    .requiredOption('-f, --filename <path...>', 'YAML or JSON file, folder of them, or - for the standard input')
    .addOption(whatIf())
    .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['json']))
    .action(action(async () => (await import('./commands/explain.ts')).place))

  verb('delete', 'delete objects and wait until they are gone')
    .argument('[kind]', 'KIND or KIND/NAME')
    .argument('[name...]', 'names')
    .option('-f, --filename <path...>', 'delete what these files describe')
    .option('--ignore-not-found', 'an object that is not there is no error')
    .option('--no-wait', 'do not wait until they are gone')
    .addOption(timeout('how long to wait', '5m'))
    .action(action(async () => (await import('./commands/delete.ts')).remove))

  for (const [name, type, description] of [
    ['start', 'Start', 'start a virtual machine'],
    ['stop', 'Stop', 'shut a virtual machine down'],
    ['restart', 'Restart', 'restart a virtual machine, with its pending changes'],
  ] as const) {
    const command = verb(name, description).argument('<vm>', 'name of the virtual machine')
    if (type !== 'Start') command.option('--force', 'at once, without asking the guest')
    command
      .option('--wait', 'wait until it is done, not only until it has begun')
      .addOption(timeout('how long to wait', '5m'))
      .action(action(async () => (await import('./commands/operate.ts')).operate(type)))
  }

  addMoves({ verb, action, timeout, count })

  verb('console', 'connect to the serial console of a virtual machine; Ctrl-] leaves')
    .argument('<vm>', 'NAME or NAME.NAMESPACE')
    .option('--force', 'take the console over without asking when someone else holds it')
    .addOption(
      timeout('how long to wait for the machine to run; with piped input, how long to read on after its end', '5m'),
    )
    .action(action(async () => (await import('./commands/console.ts')).console))

  verb('vnc', 'show the screen of a virtual machine in a VNC viewer')
    .argument('<vm>', 'NAME or NAME.NAMESPACE')
    .option('--address <address>', 'where to listen for the viewer', '127.0.0.1')
    .addOption(port('where to listen for the viewer; 0 takes any that is free', 0, 0))
    .option('--proxy-only', 'start no viewer; print the port as JSON and wait for one')
    .option('--force', 'take the screen over without asking when someone else holds it')
    .action(action(async () => (await import('./commands/vnc.ts')).vnc))

  verb('screenshot', 'save a picture of the screen of a virtual machine')
    .argument('<vm>', 'NAME or NAME.NAMESPACE')
    .requiredOption('-o, --output <file>', 'PNG file to write, or - for the standard output')
    .action(action(async () => (await import('./commands/screenshot.ts')).screenshot))

  verb('port-forward', 'lead local ports to ports of a virtual machine')
    .argument('<vm>', 'NAME or NAME.NAMESPACE')
    .argument('<port...>', '[tcp/|udp/]LOCAL[:TARGET]; LOCAL 0 takes any that is free')
    .option('--address <address>', 'where to listen', '127.0.0.1')
    .option('--stdio', 'one port, through the standard input and output')
    .action(action(async () => (await import('./commands/port-forward.ts')).portForward))

  openssh(verb('ssh', 'log in to a virtual machine with OpenSSH, through the server'))
    .argument('<vm>', '[USER@]NAME[.NAMESPACE]')
    .argument('[command...]', 'run this instead of a shell; after -- when it has options')
    .option('-l, --username <user>', 'user in the guest')
    .option('-c, --command <command>', 'run this instead of a shell')
    .action(action(async () => (await import('./commands/ssh.ts')).ssh))

  openssh(verb('scp', 'copy files to or from a virtual machine with OpenSSH, through the server'))
    .argument('<source>', 'local path, or [USER@]NAME[.NAMESPACE]:PATH')
    .argument('<target>', 'the same')
    .option('-l, --username <user>', 'user in the guest')
    .option('-r, --recursive', 'whole folders')
    .option('--preserve', 'keep times and modes')
    .action(action(async () => (await import('./commands/ssh.ts')).scp))

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

  verb('login', 'keep the address of a server and a token, after trying them')
    .requiredOption('--server <url>', 'https://HOST:8750')
    .option('--ca <file>', 'PEM of the authority of the server')
    .option('--ca-fingerprint <sha256>', 'fingerprint of that authority, as "berth-agent certs show" prints it')
    .option('--token <->', '- reads the token from the standard input; without it you are asked')
    .action(async (_options: unknown, command: Command) =>
      (await import('./commands/login.ts')).login(command.optsWithGlobals(), io),
    )

  const token = verb('token', 'make, list and revoke access tokens')
  token
    .command('create')
    .description('make a token and print it; it cannot be seen again')
    .argument('<user>', 'name of the user')
    .option('--group <name...>', 'groups of the user')
    .addOption(
      new Option('--role <role>', 'bind this role in the namespace (-n)').choices([
        'viewer',
        'user',
        'editor',
        'admin',
        'metrics',
      ]),
    )
    .option('--cluster', 'bind the role in all namespaces')
    .option('--expires <duration>', 'how long the token lasts: 24h, 90d; without it, until it is revoked')
    .action(action(async () => (await import('./commands/token.ts')).createToken))
  token
    .command('list')
    .description('show tokens: names, users, groups, ends')
    .action(action(async () => (await import('./commands/token.ts')).listTokens))
  token
    .command('revoke')
    .description('end tokens, and all that is open with them')
    .argument('[name...]', 'names of tokens')
    .option('--user <name>', 'every token of this user')
    .action(action(async () => (await import('./commands/token.ts')).revokeTokens))

  const node = verb('node', 'let hosts join a cluster and leave it')
  node
    .command('token')
    .description('tokens for joining')
    .command('create')
    .description('make a token for one host and print the command that joins it; asks the scheduler')
    .option('--ttl <duration>', 'how long the token is good: 30m, 1h', '1h')
    .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['json']))
    .action(action(async () => (await import('./commands/node.ts')).createJoinToken))
  node
    .command('join')
    .description('make this host a member of a scheduler’s cluster; as root, on the host')
    .argument('<url>', 'the scheduler: https://HOST:8751')
    .requiredOption('--token <token>', 'of "berth node token create"; - reads it from the standard input')
    .requiredOption('--ca-hash <hash>', 'SHA-256 of the cluster’s authority, printed with the token')
    .action(action(async () => (await import('./commands/node.ts')).joinCluster))
  node
    .command('leave')
    .description('take this host out of its cluster; as root, on the host')
    .option('--force', 'also when the scheduler does not answer, or the host has machines of it')
    .action(action(async () => (await import('./commands/node.ts')).leaveCluster))

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
  return program
}

/** `--what-if`, may be given again. */
const whatIf = (): Option =>
  new Option('--what-if <words>', 'suppose that: "h2 down", "h3 cordon"; may be given again').argParser(collect)

/** What `ssh` and `scp` have in common. */
const openssh = (command: Command): Command =>
  command
    .option('-i, --identity-file <file>', 'private key')
    .option('--known-hosts <file>', 'file of host keys (default: one of its own, by the uid of the machine)')
    .addOption(port('port in the guest', 22, 1, '-p, --port <port>'))
    // DVP's clients once had an SSH client of their own; scripts still say that they want OpenSSH, which is all there is.
    .addOption(new Option('--local-ssh').hideHelp())
    .addOption(new Option('--local-ssh-opts <args>').argParser(collect).hideHelp())
    .option('--ssh-args <args>', 'further arguments for OpenSSH; may be given again', collect)

/** An option that may be given again. */
const collect = (word: string, before: readonly string[] = []): string[] => [...before, word]

/** A port number from `least` on. */
function port(description: string, preset: number, least: number, flags = '--port <port>'): Option {
  return new Option(flags, description).default(preset).argParser((text) => {
    const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= 65_535) return number
    throw new InvalidArgumentError(`a port is a number from ${least} to 65535`)
  })
}

/** `--timeout`, in milliseconds. */
function timeout(description: string, preset: string): Option {
  return new Option('--timeout <duration>', `${description}: 30s, 5m, 1h`)
    .default(parseDuration(preset), preset)
    .argParser((text) => {
      try {
        return parseDuration(text)
      } catch (error) {
        throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
      }
    })
}

/** An option that is a whole number from 1 on. */
const count = (flags: string, description: string, preset: number): Option =>
  new Option(flags, description).default(preset).argParser((text) => {
    if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
    throw new InvalidArgumentError('give a whole number from 1 on')
  })
