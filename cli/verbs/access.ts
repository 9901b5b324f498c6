// The verbs about who may what: a way in, and tokens.
import { type Command, Option } from 'commander'
import type { Io } from '../io.ts'
import type { Parts } from './parts.ts'

export function addAccess({ verb, action }: Parts, io: Io): void {
  verb('login', 'keep the address of a server and a token, after trying them')
    .requiredOption('--server <url>', 'https://HOST:8750')
    .option('--ca <file>', 'PEM of the authority of the server')
    .option('--ca-fingerprint <sha256>', 'fingerprint of that authority, as "berth-agent certs show" prints it')
    .option('--token <->', '- reads the token from the standard input; without it you are asked')
    .action(async (_options: unknown, command: Command) =>
      (await import('../commands/login.ts')).login(command.optsWithGlobals(), io),
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
    .action(action(async () => (await import('../commands/token.ts')).createToken))
  token
    .command('list')
    .description('show tokens: names, users, groups, ends')
    .action(action(async () => (await import('../commands/token.ts')).listTokens))
  token
    .command('revoke')
    .description('end tokens, and all that is open with them')
    .argument('[name...]', 'names of tokens')
    .option('--user <name>', 'every token of this user')
    .action(action(async () => (await import('../commands/token.ts')).revokeTokens))
}
