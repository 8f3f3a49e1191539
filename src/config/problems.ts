import { printable } from './printable.ts'

/** Where something was written. A place in an environment variable has no line. */
export interface Place {
  /** As it is printed: the file as it was named, or `environment NAME`. */
  readonly source: string
  /** 1 for the first line; unset where there are no lines. */
  readonly line?: number
  /** In UTF-16 units, 1 for the first. */
  readonly column?: number
}

/** One thing that is wrong with a configuration, or odd about it. */
export interface Problem {
  readonly place: Place
  /** The keys that lead to it; none for the configuration as a whole. */
  readonly path: readonly string[]
  /** What is wrong, and what was expected. */
  readonly sentence: string
}

/** Problems that one error tells at most; a hostile file could hold a million. */
const toldAtMost = 100

const plainKey = /^[\w-]{1,80}$/

/** A path as messages print it: `plugins.apps.zmq.manage`; a key that isn't a plain word stands in quotes. */
export function printedPath(path: readonly string[]): string {
  return path.map(key => (plainKey.test(key) ? key : JSON.stringify(printable(key.slice(0, 80))))).join('.')
}

/** A place as messages print it: `config.yaml:12:5` or `environment THREATBUS_QUEUE`. */
export function printedPlace({ source, line, column }: Place): string {
  return printable(line === undefined ? source : `${source}:${line}:${column}`)
}

/** A problem as one line: `config.yaml:12:5 plugins.apps.zmq.manage: expected a port (0–65535), got "abc"`. */
export function printed({ place, path, sentence }: Problem): string {
  const where = path.length === 0 ? printedPlace(place) : `${printedPlace(place)} ${printedPath(path)}`
  return `${where}: ${printable(sentence)}`
}

/** Problems as lines: in the order in which they stand in the file, then those of the environment; none twice. */
export function printedInOrder(problems: readonly Problem[]): string[] {
  const ordered = problems.toSorted(
    ({ place: a }, { place: b }) =>
      (a.line ?? Number.MAX_SAFE_INTEGER) - (b.line ?? Number.MAX_SAFE_INTEGER) || (a.column ?? 0) - (b.column ?? 0),
  )
  return [...new Set(ordered.slice(0, toldAtMost).map(printed))]
}

/** A configuration that can't be used. Its message tells all that is wrong with it, a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  /** The problems, each as one line ready to be printed (100 at most; the last line then says that there are more). */
  readonly problems: readonly string[]

  constructor(problems: readonly Problem[]) {
    const lines = printedInOrder(problems)
    if (problems.length > toldAtMost) lines.push(`… and ${problems.length - toldAtMost} more problems`)
    super(lines.join('\n'))
    this.problems = lines
  }
}
