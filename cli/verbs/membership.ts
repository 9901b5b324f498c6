// The verbs by which hosts join a cluster and leave it.
import { Option } from 'commander'
import type { Parts } from './parts.ts'

export function addMembership({ verb, action }: Parts): void {
  const node = verb('node', 'let hosts join a cluster and leave it')
  node
    .command('token')
    .description('tokens for joining')
    .command('create')
    .description('make a token for one host and print the command that joins it; asks the scheduler')
    .option('--ttl <duration>', 'how long the token is good: 30m, 1h', '1h')
    .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['json']))
    .action(action(async () => (await import('../commands/node.ts')).createJoinToken))
  node
    .command('join')
    .description('make this host a member of a scheduler’s cluster; as root, on the host')
    .argument('<url>', 'the scheduler: https://HOST:8751')
    .requiredOption('--token <token>', 'of "berth node token create"; - reads it from the standard input')
    .requiredOption('--ca-hash <hash>', 'SHA-256 of the cluster’s authority, printed with the token')
    .action(action(async () => (await import('../commands/node.ts')).joinCluster))
  node
    .command('leave')
    .description('take this host out of its cluster; as root, on the host')
    .option('--force', 'also when the scheduler does not answer, or the host has machines of it')
    .action(action(async () => (await import('../commands/node.ts')).leaveCluster))
}
