import { CommandError, shellWords } from './shell-words.ts'

/** What may be filled in for a placeholder `%name`, by name. */
export type PlaceholderValues = Readonly<Record<string, string | undefined>>

/** A command, split into its arguments, in which placeholders are still to be filled in. The first is the program. */
export type CommandTemplate = readonly string[]

/** A value that must not be filled into a command; the message says why and what to do. It quotes no value. */
export class UnfillableError extends Error {
  override readonly name = 'UnfillableError'
}

/** CONNECTOR "Context transformation and sinks": other words after a `%` stand for themselves, as in `date +%s`. */
const placeholders: readonly string[] = ['ioc', 'matchtype']

/**
 * Splits a command into arguments (see {@link shellWords}). The placeholders `%ioc` and `%matchtype` are filled in
 * afterwards by {@link fill}: CONNECTOR "Context transformation and sinks". One may stand wherever a value
 * cannot become a program or the name of an option: not in the program, and in an argument that begins with a dash only
 * after `=`. Throws a {@link CommandError} otherwise, as for a quote that is not closed and a command of nothing.
 */
export function parseCommand(text: string): CommandTemplate {
  const template = shellWords(text)
  const [program] = template
  if (program === undefined || program === '') throw new CommandError('is empty: name a program, and its arguments')
  checkOptions(template, placeholders)
  if (segments(program, placeholders).length > 1) {
    throw new CommandError('takes its program from a placeholder: name the program itself')
  }
  return template
}

/**
 * The arguments of a command, the program first, with the values filled in. Each argument of the template is one
 * argument, whatever is filled in. Throws an {@link UnfillableError} when a value has a NUL, which ends an argument, and
 * when an argument would begin with a dash that comes from a value, which the program would take for an option. After a
 * `--` of the template's own nothing is an option (POSIX "Utility Syntax Guidelines", 10), and a dash does no harm.
 */
export function fill(template: CommandTemplate, values: PlaceholderValues): readonly string[] {
  const optionsEnd = endOfOptions(template)
  return template.map((argument, index) => fillArgument(argument, values, index > optionsEnd))
}

/** The index of the first argument `--`, after which nothing is an option; the template's length if it has none. */
export function endOfOptions(template: CommandTemplate): number {
  const index = template.indexOf('--')
  return index < 0 ? template.length : index
}

/**
 * Fills in one argument as {@link fill} does; `isOperand` says that it cannot be an option. A placeholder without a
 * value stays as it is.
 */
export function fillArgument(argument: string, values: PlaceholderValues, isOperand: boolean): string {
  const pieces = segments(argument, Object.keys(values))
  const filled = pieces.map((piece, index) => (index % 2 === 0 ? piece : (values[piece] ?? `%${piece}`))).join('')
  if (filled.includes('\0')) throw new UnfillableError('a value has a NUL, which no argument can hold')
  if (isOperand || !filled.startsWith('-')) return filled
  if (namesOption(pieces)) throw new UnfillableError(`a value would be part of an option's name in ${argument}`)
  if (argument.startsWith('-')) return filled
  const advice = `write an argument "--" somewhere before it, or --option=${argument}`
  throw new UnfillableError(`a value begins with a dash, and ${argument} would become an option: ${advice}`)
}

/** Throws a {@link CommandError} if a value could become the name of an option in one of these arguments. */
export function checkOptions(template: readonly string[], names: readonly string[]): void {
  for (const argument of template.slice(0, endOfOptions(template))) {
    const pieces = segments(argument, names)
    if (!namesOption(pieces)) continue
    const [, name] = pieces
    const advice = `write --option=%${name}, or %${name} as an argument of its own`
    throw new CommandError(`has a placeholder in the name of an option, ${argument}: ${advice}`)
  }
}

/** Is the first placeholder among these pieces of an argument a part of an option's name? */
function namesOption([before = '', name]: readonly string[]): boolean {
  return name !== undefined && before.startsWith('-') && !before.includes('=')
}

/**
 * An argument in pieces: text, the name of a placeholder, text, and so on, text first and last. As the original does,
 * the longest of the names is read that stand there, whatever comes after it: `%iocs` is `%ioc` and an `s`.
 */
export function segments(argument: string, names: readonly string[]): readonly string[] {
  const longestFirst = names.toSorted((one, other) => other.length - one.length)
  const pieces: string[] = []
  let text = ''
  for (let at = 0; at < argument.length; ) {
    const name =
      argument[at] === '%' ? longestFirst.find(candidate => argument.startsWith(candidate, at + 1)) : undefined
    if (name === undefined) text += argument[at++]
    else {
      pieces.push(text, name)
      text = ''
      at += name.length + 1
    }
  }
  return [...pieces, text]
}
