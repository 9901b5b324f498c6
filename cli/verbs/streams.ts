// The verbs that go into a machine: consoles, screens, ports, ssh.
import { type Command, Option } from 'commander'
import { collect, port, timeout } from './options.ts'
import type { Parts } from './parts.ts'

export function addStreams({ verb, action }: Parts): void {
  verb('console', 'connect to the serial console of a virtual machine; Ctrl-] leaves')
    .argument('<vm>', 'NAME or NAME.NAMESPACE')
    .option('--force', 'take the console over without asking when someone else holds it')
    .addOption(
      timeout('how long to wait for the machine to run; with piped input, how long to read on after its end', '5m'),
    )
    .action(action(async () => (await import('../commands/console.ts')).console))

  verb('vnc', 'show the screen of a virtual machine in a VNC viewer')
    .argument('<vm>', 'NAME or NAME.NAMESPACE')
    .option('--address <address>', 'where to listen for the viewer', '127.0.0.1')
    .addOption(port('where to listen for the viewer; 0 takes any that is free', 0, 0))
    .option('--proxy-only', 'start no viewer; print the port as JSON and wait for one')
    .option('--force', 'take the screen over without asking when someone else holds it')
    .action(action(async () => (await import('../commands/vnc.ts')).vnc))

  verb('screenshot', 'save a picture of the screen of a virtual machine')
    .argument('<vm>', 'NAME or NAME.NAMESPACE')
    .requiredOption('-o, --output <file>', 'PNG file to write, or - for the standard output')
    .action(action(async () => (await import('../commands/screenshot.ts')).screenshot))

  verb('port-forward', 'lead local ports to ports of a virtual machine')
    .argument('<vm>', 'NAME or NAME.NAMESPACE')
    .argument('<port...>', '[tcp/|udp/]LOCAL[:TARGET]; LOCAL 0 takes any that is free')
    .option('--address <address>', 'where to listen', '127.0.0.1')
    .option('--stdio', 'one port, through the standard input and output')
    .action(action(async () => (await import('../commands/port-forward.ts')).portForward))

  openssh(verb('ssh', 'log in to a virtual machine with OpenSSH, through the server'))
    .argument('<vm>', '[USER@]NAME[.NAMESPACE]')
    .argument('[command...]', 'run this instead of a shell; after -- when it has options')
    .option('-l, --username <user>', 'user in the guest')
    .option('-c, --command <command>', 'run this instead of a shell')
    .action(action(async () => (await import('../commands/ssh.ts')).ssh))

  openssh(verb('scp', 'copy files to or from a virtual machine with OpenSSH, through the server'))
    .argument('<source>', 'local path, or [USER@]NAME[.NAMESPACE]:PATH')
    .argument('<target>', 'the same')
    .option('-l, --username <user>', 'user in the guest')
    .option('-r, --recursive', 'whole folders')
    .option('--preserve', 'keep times and modes')
    .action(action(async () => (await import('../commands/ssh.ts')).scp))
}

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
