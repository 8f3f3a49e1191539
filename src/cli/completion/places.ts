import type { Command } from 'commander'
import { commandsOf, pathOf } from '../command-tree.ts'

/** What a shell may offer for a word: these words, or what the file system has. `anything`: nothing can be offered. */
export type Offer = { readonly words: readonly string[] } | 'files' | 'directories' | 'anything'

/** An option, as it is completed. */
export interface OfferedOption {
  /** How it is written, the short form first: `-c`, `--config`. */
  readonly flags: readonly string[]
  readonly does: string
  /** Its value; undefined if it has none. */
  readonly value: Offer | undefined
}

/** What may stand behind a command's name. */
export interface Place {
  /** The names of commands that lead here, each behind a slash: nothing, or `/history/export`. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly does: string }[]
  readonly options: readonly OfferedOption[]
  /** Its arguments; undefined if it has none. */
  readonly operand: Offer | undefined
}

/** What the names of arguments and values in the definition say of them. */
const offersByName: Readonly<Record<string, Offer>> = {
  file: 'files',
  source: 'files',
  directory: 'directories',
  topic: { words: ['stix2/indicator', 'stix2/sighting'] },
}

/** Every place of a program where something is completed. */
export function placesOf(program: Command): readonly Place[] {
  const help = program.createHelp()
  // The commands that read the configuration take its place from the program's own option.
  const known = help.visibleOptions(program).filter(({ long }) => long === '--config')
  return commandsOf(program).map(command => {
    const [argument] = command.registeredArguments
    const own = help.visibleOptions(command)
    const options = [...own, ...known.filter(({ long }) => !own.some(each => each.long === long))]
    return {
      path: pathOf(command).replaceAll(' ', '/').slice(program.name().length),
      commands: command.commands.map(each => ({ name: each.name(), does: help.subcommandDescription(each) })),
      options: options.map(option => ({
        flags: [option.short, option.long].flatMap(flag => flag ?? []),
        does: option.description,
        value: option.required ? offerFor(/<(\w+)/.exec(option.flags)?.[1], option.argChoices) : undefined,
      })),
      operand: argument && offerFor(argument.name(), argument.argChoices ?? namesFor(argument.name(), program)),
    }
  })
}

function offerFor(name = '', choices: readonly string[] | undefined): Offer {
  return choices === undefined ? (offersByName[name] ?? 'anything') : { words: choices }
}

/** An argument that names a command has the names of the program's. */
function namesFor(argument: string, program: Command): readonly string[] | undefined {
  return argument === 'command' ? program.commands.map(each => each.name()) : undefined
}
