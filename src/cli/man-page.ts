import type { Command } from 'commander'
import { commandsOf, examplesFor, pathOf } from './command-tree.ts'
import type { Exit } from './exit-codes.ts'

/** What a man page says beside what the definition of the command line does. */
export interface ManPageTexts {
  /** What it is, in half a sentence. */
  readonly about: string
  /** Files and variables, each with what it is for. */
  readonly files: readonly (readonly [file: string, purpose: string])[]
  readonly environment: readonly (readonly [variable: string, purpose: string])[]
  readonly exits: readonly Exit[]
  /** Other pages. */
  readonly seeAlso: readonly string[]
}

/** A program's man page (man(7), as groff and mandoc read it), made of the definition of its command line. */
export function manPage(program: Command, version: string, texts: ManPageTexts): string {
  const name = program.name()
  const help = program.createHelp()
  const commands = commandsOf(program).filter(command => command !== program && command.commands.length === 0)
  const options = (command: Command) =>
    help
      .visibleOptions(command)
      .filter(({ long }) => command === program || long !== '--help')
      .flatMap(option => entry(`\\fB${escaped(option.flags)}\\fR`, help.optionDescription(option)))
  const lines = [
    `.\\" Made of the definition of the command line: npm run man.`,
    `.TH ${name.toUpperCase()} 1 "" "threatbus ${version}" "Threat Bus"`,
    '.SH NAME',
    `${escaped(name)} \\- ${escaped(texts.about)}`,
    '.SH SYNOPSIS',
    ...[program, ...commands]
      .flatMap(command => ['.br', `\\fB${escaped(pathOf(command))}\\fR ${escaped(command.usage())}`])
      .slice(1),
    '.SH DESCRIPTION',
    ...paragraph(program.description()),
    '.SH OPTIONS',
    ...options(program),
    '.SH COMMANDS',
    ...commands.flatMap(command => [
      `.SS ${escaped(pathOf(command))} ${escaped(command.usage())}`,
      ...paragraph(command.description()),
      ...help
        .visibleArguments(command)
        .flatMap(argument => entry(`\\fI${escaped(argument.name())}\\fR`, help.argumentDescription(argument))),
      ...options(command),
    ]),
    '.SH EXIT STATUS',
    ...texts.exits.flatMap(([code, meaning]) => entry(`\\fB${code}\\fR`, meaning)),
    '.SH ENVIRONMENT',
    ...texts.environment.flatMap(([variable, purpose]) => entry(`\\fB${escaped(variable)}\\fR`, purpose)),
    '.SH FILES',
    ...texts.files.flatMap(([file, purpose]) => entry(`\\fI${escaped(file)}\\fR`, purpose)),
    '.SH EXAMPLES',
    ...commandsOf(program)
      .flatMap(examplesFor)
      .flatMap(([line, purpose]) => entry(`\\fB${escaped(line)}\\fR`, purpose)),
    '.SH SEE ALSO',
    texts.seeAlso.map(page => `\\fB${escaped(page)}\\fR(1)`).join(', '),
  ]
  return `${lines.join('\n')}\n`
}

function entry(term: string, text: string): string[] {
  return ['.TP', term, ...paragraph(text)]
}

/** Text as lines of input. One that begins with a dot or a quote would be a request (groff(7) "Control characters"). */
function paragraph(text: string): string[] {
  return text.split('\n').map(line => escaped(line).replace(/^[.']/, '\\&$&'))
}

/** A backslash begins an escape; a dash that is to be typed is no hyphen (groff_char(7)). */
function escaped(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-')
}
