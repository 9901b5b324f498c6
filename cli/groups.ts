// Groups of commands, such as `berth token`: a word that none of them has is answered with those that there are.
import type { Command } from 'commander'

/** Of all groups below `command`; a command that takes arguments itself says by its own rules what is wrong with them. */
export function nameCommands(command: Command): void {
  for (const each of command.commands) {
    if (each.commands.length > 0 && each.registeredArguments.length === 0)
      each.on('command:*', ([word = '']: readonly string[]) => refuse(each, word))
    nameCommands(each)
  }
}

function refuse(group: Command, word: string): never {
  const there = group.commands.map((each) => each.name()).join(', ')
  return group.error(`error: unknown command '${word}': '${pathOf(group)}' has ${there}`, {
    code: 'commander.unknownCommand',
  })
}

/** As it is written: `berth node token`. */
const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
