// The verbs that move machines between hosts: migrate, drain, cordon, uncordon, rebalance. They ask a scheduler.
import { Argument, Option } from 'commander'
import { count, timeout } from './options.ts'
import type { Parts } from './parts.ts'

const MACHINE_KINDS = ['vm', 'virtualmachine', 'virtualmachines']
const machineKind = () => new Argument('<kind>', 'vm').choices(MACHINE_KINDS)

export function addMoves({ verb, action }: Parts): void {
  const migrate = verb('migrate', 'move a virtual machine to another host while it runs')
    .addArgument(machineKind())
    .argument('<name>', 'name of the virtual machine')
    .option('--to <node>', 'this host and no other (default: the best one)')
    .option('--force', 'the guest may be slowed down so that the move comes to its end (liveMigrationPolicy)')
    .option('--no-force', 'the guest is not slowed down')
    .option('--post-copy', 'resume on the target before all memory is there; if that breaks, the machine ends')
    .option('--bandwidth <quantity>', 'per second at most, such as 640Mi; 0 for no cap')
    .option('--wait', 'wait until it is done, not only until it has begun')
    .addOption(timeout('how long to wait', '30m'))
    .action(action(async () => (await import('../commands/migrate.ts')).migrate))
  migrate
    .command('resolve')
    .description('decide a move whose outcome is unknown: a host of it does not answer. Wrong, the machine runs twice')
    .addArgument(machineKind())
    .argument('<name>', 'name of the virtual machine')
    .addOption(
      new Option('--keep <what>', 'which copy goes on; disk: neither, it starts anew from its disks at the source')
        .choices(['source', 'target', 'disk'])
        .makeOptionMandatory(),
    )
    .action(action(async () => (await import('../commands/migrate.ts')).resolve))

  verb('drain', 'move all virtual machines of a host elsewhere, and let no new ones in')
    .argument('<node>', 'name of the host')
    .option('--dry-run', 'only show where each machine would go')
    .option('--wait', 'wait until no machine runs there')
    .addOption(timeout('how long to wait', '1h'))
    .action(action(async () => (await import('../commands/drain.ts')).drain))
  verb('cordon', 'let no new virtual machines onto a host')
    .argument('<node>', 'name of the host')
    .action(action(async () => (await import('../commands/drain.ts')).cordon))
  verb('uncordon', 'let virtual machines onto a host again; ends its drain')
    .argument('<node>', 'name of the host')
    .action(action(async () => (await import('../commands/drain.ts')).uncordon))

  verb('rebalance', 'move virtual machines that another host suits better')
    .option('--dry-run', 'only show the moves')
    .addOption(count('--budget <count>', 'moves at most', 20))
    .action(action(async () => (await import('../commands/rebalance.ts')).rebalance))
}
