import { Argument, type Command } from 'commander'

/** Gives a program the commands that every program has: `completion` and `help`. */
export function completeProgram(program: Command): void {
  program
    .command('completion')
    .description('Print what makes a shell complete commands, options and their values.')
    .addArgument(new Argument('<shell>', 'the shell that is to do so').choices(['bash', 'zsh', 'fish']))
    .action(async shell => {
      const { completion } = await import('./completion/completion.ts')
      process.stdout.write(completion(program, shell))
    })
  program
    .helpCommand(false)
    .command('help')
    .description('Say how a command is used.')
    .argument('[command...]', 'its name (default: all in short)')
    .action(names => helpOn(program, names))
}

/** Prints the help of the command with these names below the program; refuses names of none. */
async function helpOn(program: Command, names: readonly string[]): Promise<void> {
  let command = program
  for (const name of names) {
    command = command.commands.find(each => each.name() === name) ?? (await refuseUnknown(command, name))
  }
  command.help()
}

/** Refuses a word that is no command of this one, in Commander's words, and names the one that may be meant. */
export async function refuseUnknown(command: Command, word: string): Promise<never> {
  // Loaded here, because who mistypes nothing does not need it.
  const [{ nearest }, { printable }] = await Promise.all([
    import('../config/explain.ts'),
    import('../config/printable.ts'),
  ])
  const names = command.commands.map(each => each.name())
  const meant = nearest(word, names)
  const hint = meant === undefined ? `There are: ${names.join(', ')}` : `Did you mean ${meant}?`
  return command.error(`error: unknown command '${printable(word)}'\n(${hint})`)
}
