import { checkOptions, endOfOptions, fillArgument, type PlaceholderValues, segments } from './command-line.ts'
import { CommandError } from './shell-words.ts'

/**
 * The calls of VAST's command line, each as its arguments after the binary, so that a VAST or a successor with other
 * verbs can be driven. Placeholders are filled in at each call. An argument with a placeholder that has no value in a
 * call is left out, whole.
 */
export interface VastCommands {
  /** Is the node there? Exit status 0 says so. `%endpoint`. */
  readonly status: readonly string[]
  /** Prints `--low-priority` if it knows queries of low priority. `%endpoint`. */
  readonly export_help: readonly string[]
  /**
   * Prints the events that a query finds, one JSON a line. `%endpoint`, `%query`, `%max_events` (no value if there is no
   * limit), `%low_priority` (`--low-priority` if that is known, else no value).
   */
  readonly retro_match: readonly string[]
  /** Prints matches, one JSON a line, until it is ended. `%endpoint`, `%matcher`. */
  readonly live_match: readonly string[]
  /** `%endpoint`, `%matcher`, `%value`, `%reference`. */
  readonly add_ioc: readonly string[]
  /** `%endpoint`, `%matcher`, `%value`. */
  readonly remove_ioc: readonly string[]
}

const node = ['-e', '%endpoint']

/** CONNECTOR "Command line of VAST". */
export const defaultVastCommands: VastCommands = {
  status: [...node, 'status'],
  export_help: [...node, 'export', '--help'],
  retro_match: [
    ...node,
    'export',
    '--caf.scheduler.max-threads=1',
    '%low_priority',
    '--max-events=%max_events',
    'json',
    '%query',
  ],
  live_match: [...node, 'matcher', 'attach', 'json', '%matcher'],
  add_ioc: [...node, 'matcher', 'add', '%matcher', '%value', '%reference'],
  remove_ioc: [...node, 'matcher', 'remove', '%matcher', '%value'],
}

/** The placeholders of each call. */
export const vastPlaceholders: Readonly<Record<keyof VastCommands, readonly string[]>> = {
  status: ['endpoint'],
  export_help: ['endpoint'],
  retro_match: ['endpoint', 'query', 'max_events', 'low_priority'],
  live_match: ['endpoint', 'matcher'],
  add_ioc: ['endpoint', 'matcher', 'value', 'reference'],
  remove_ioc: ['endpoint', 'matcher', 'value'],
}

/** The option that `%low_priority` stands for, and that `export --help` is searched for (CONNECTOR "Command line of VAST"). */
export const lowPriorityOption = '--low-priority'

/**
 * Checks the arguments of one call, as an operator has written them. Throws a `CommandError` for a placeholder that the
 * call doesn't have, which would be a slip of the pen, and for one that could make a value the name of an option.
 */
export function checkVastCommand(call: keyof VastCommands, template: readonly string[]): void {
  const names = vastPlaceholders[call]
  for (const argument of template) {
    if (argument.includes('\0')) throw new CommandError('has a NUL, which no argument can hold')
    const texts = segments(argument, names).filter((_, index) => index % 2 === 0)
    const unknown = texts.flatMap(text => /%[a-z_]+/.exec(text) ?? []).at(0)
    const known = names.map(name => `%${name}`).join(', ')
    if (unknown !== undefined) throw new CommandError(`has no placeholder ${unknown}: there is ${known}`)
  }
  checkOptions(template, names)
}

/** Which VAST is called. */
export interface AtNode {
  /** `HOST:PORT`. */
  readonly endpoint: string
}

/** Which VAST, and which matcher of it, is called. */
export interface AtMatcher extends AtNode {
  readonly matcher: string
}

/** A query for {@link retroMatchArguments}. */
export interface RetroQuery extends AtNode {
  readonly query: string
  /** Most events that are reported; 0 for all. */
  readonly maxEvents: number
  /** Does VAST know queries of low priority? */
  readonly lowPriority: boolean
}

/** The arguments that ask whether the node is there. Like all of these, throws an `UnfillableError` as `fill` does. */
export function statusArguments({ status }: VastCommands, { endpoint }: AtNode): readonly string[] {
  return filled(status, { endpoint })
}

/** The arguments that ask for the help of queries. */
export function exportHelpArguments({ export_help }: VastCommands, { endpoint }: AtNode): readonly string[] {
  return filled(export_help, { endpoint })
}

/** The arguments that run a query. */
export function retroMatchArguments({ retro_match }: VastCommands, query: RetroQuery): readonly string[] {
  const placeholder = '%low_priority'
  // The one value that is an option. It is ours, and is part of the template before any other value is.
  const template = query.lowPriority
    ? retro_match.map(argument => argument.replaceAll(placeholder, lowPriorityOption))
    : retro_match.filter(argument => !argument.includes(placeholder))
  const max_events = query.maxEvents > 0 ? String(query.maxEvents) : undefined
  return filled(template, { endpoint: query.endpoint, query: query.query, max_events })
}

/** The arguments that attach to the live matcher. */
export function liveMatchArguments({ live_match }: VastCommands, { endpoint, matcher }: AtMatcher): readonly string[] {
  return filled(live_match, { endpoint, matcher })
}

/** The arguments that add an IoC to the live matcher, with a reference that its matches come with. */
export function addIocArguments(
  { add_ioc }: VastCommands,
  { endpoint, matcher, value, reference }: AtMatcher & { readonly value: string; readonly reference: string },
): readonly string[] {
  return filled(add_ioc, { endpoint, matcher, value, reference })
}

/** The arguments that remove an IoC from the live matcher. */
export function removeIocArguments(
  { remove_ioc }: VastCommands,
  { endpoint, matcher, value }: AtMatcher & { readonly value: string },
): readonly string[] {
  return filled(remove_ioc, { endpoint, matcher, value })
}

/** What {@link VastCommands} says of arguments whose placeholder has no value. */
function filled(template: readonly string[], values: PlaceholderValues): readonly string[] {
  const names = Object.keys(values)
  const absent = new Set(names.filter(name => values[name] === undefined))
  const optionsEnd = endOfOptions(template)
  return template.flatMap((argument, index) => {
    const isLeftOut = segments(argument, names).some((piece, at) => at % 2 === 1 && absent.has(piece))
    return isLeftOut ? [] : [fillArgument(argument, values, index > optionsEnd)]
  })
}
