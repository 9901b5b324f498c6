// The verbs about objects: what they are, what they shall be, and the power of machines.
import { Option } from 'commander'
import { timeout, whatIf } from './options.ts'
import type { Parts } from './parts.ts'

export function addObjects({ verb, action }: Parts): void {
  verb('apply', 'create objects, or change them to what files say; fields that a file no longer has go')
    .requiredOption('-f, --filename <path...>', 'YAML or JSON file, folder of them, or - for the standard input')
    .option('--dry-run', 'let the server check everything and store nothing')
    .action(action(async () => (await import('../commands/apply.ts')).apply))

  verb('create', 'create objects from files; generateName is allowed')
    .requiredOption('-f, --filename <path...>', 'YAML or JSON file, folder of them, or - for the standard input')
    .option('--dry-run', 'let the server check everything and store nothing')
    .action(action(async () => (await import('../commands/create.ts')).create))

  verb('get', 'show objects as a table or in full')
    .argument('<kind...>', 'KIND, KIND/NAME, KIND NAME…, or KIND,KIND')
    .option('-A, --all-namespaces', 'of all namespaces')
    .option('-l, --selector <labels>', 'only with these labels: app=web,tier!=db')
    .option('--field-selector <fields>', 'only with these fields: metadata.name=web')
    .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['wide', 'json', 'yaml', 'name']))
    .option('-w, --watch', 'go on with every change until interrupted')
    .option('--no-headers', 'without the line of column names')
    .action(action(async () => (await import('../commands/get.ts')).get))

  verb('describe', 'show an object for reading: fields, conditions, events')
    .argument('<kind>', 'KIND or KIND/NAME')
    .argument('[name...]', 'names; all objects of the namespace when left out')
    .action(action(async () => (await import('../commands/describe.ts')).describe))

  verb('explain', 'show for each host of the cluster whether it can take a virtual machine, with its score or why not')
    .argument('<kind>', 'vm, or vm/NAME')
    .argument('[name...]', 'names of virtual machines')
    .addOption(whatIf())
    .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['json']))
    .action(action(async () => (await import('../commands/explain.ts')).explain))

  verb('place', 'show where new virtual machines would go; nothing is created')
    .requiredOption('-f, --filename <path...>', 'YAML or JSON file, folder of them, or - for the standard input')
    .addOption(whatIf())
    .addOption(new Option('-o, --output <form>', 'form of the answer').choices(['json']))
    .action(action(async () => (await import('../commands/explain.ts')).place))

  verb('delete', 'delete objects and wait until they are gone')
    .argument('[kind]', 'KIND or KIND/NAME')
    .argument('[name...]', 'names')
    .option('-f, --filename <path...>', 'delete what these files describe')
    .option('--ignore-not-found', 'an object that is not there is no error')
    .option('--no-wait', 'do not wait until they are gone')
    .addOption(timeout('how long to wait', '5m'))
    .action(action(async () => (await import('../commands/delete.ts')).remove))

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
      .action(action(async () => (await import('../commands/operate.ts')).operate(type)))
  }
}
