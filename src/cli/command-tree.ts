import type { Command } from 'commander'

/*
 * What is known of a program's commands from their definition: what --help, the completions and the man page are made of.
 */

/** Its name behind those of the commands that it belongs to: `threatbus history export`. */
export function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
}

/** A program and all commands of it, each before its own. */
export function commandsOf(program: Command): readonly Command[] {
  return [program, ...program.commands.flatMap(commandsOf)]
}

/** A command line, and what it does. */
export type Example = readonly [line: string, purpose: string]

const examplesOf = new WeakMap<Command, readonly Example[]>()

/** Ends the help of a program and of each command of it with its examples, which the table has by path. */
export function addExamples(program: Command, table: Readonly<Record<string, readonly Example[]>>): void {
  for (const command of commandsOf(program)) {
    const own = table[pathOf(command)] ?? []
    examplesOf.set(command, own)
    const lines = own.map(([line, purpose]) => `  ${line}\n      ${purpose}`)
    command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`)
  }
}

/** A command's examples, as {@link addExamples} was given them. */
export function examplesFor(command: Command): readonly Example[] {
  return examplesOf.get(command) ?? []
}
