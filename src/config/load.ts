import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type * as z from 'zod'
import { type InMs, inMs } from './durations.ts'
import { type Environment, withEnvironment } from './environment.ts'
import { explain, ignored } from './explain.ts'
import { readConfigFile } from './file.ts'
import { ConfigError, type Problem, printedInOrder } from './problems.ts'
import { nothing, plainValues } from './tree.ts'
import { readYaml, type YamlText } from './yaml.ts'

/** Where a program's configuration comes from. */
export interface ConfigSources {
  /** The file that was asked for (`-c FILE`), relative to `cwd`. It must be there. */
  readonly file?: string | undefined
  /** Files to look for in `cwd` if none was asked for; the first that is there is read. */
  readonly defaultFiles: readonly string[]
  /** The directory that file names are relative to. */
  readonly cwd: string
  /** The environment; its variables win over the file. */
  readonly env: Environment
  /** What names of variables start with: `THREATBUS_`. A variable that starts so and names no key is an error. */
  readonly envPrefix: string
  /** Names of variables that start with the prefix but are no keys, in upper case. */
  readonly reservedVariables?: readonly string[]
}

/** A configuration, read. */
export interface LoadedConfig<Written> {
  /** What the program works with: durations are in milliseconds. */
  readonly config: InMs<Written>
  /** The same by the keys and in the units of the file. */
  readonly written: Written
  /** The absolute path of the file it was read from, or `built-in defaults`. */
  readonly source: string
  /** The directory of that file, or the working directory: what files of the program's own are relative to. */
  readonly directory: string
  /** What was ignored, a line each, to be logged as warnings. */
  readonly warnings: readonly string[]
}

/**
 * Reads a program's configuration: its defaults, a YAML file over them, the environment over both, checked by `schema`.
 *
 * @throws {ConfigError} and nothing else, telling all problems at once
 */
export function loadConfig<Schema extends z.ZodType>(
  schema: Schema,
  sources: ConfigSources,
): LoadedConfig<z.output<Schema>> {
  const file = readFile(sources)
  const environment = withEnvironment(file.tree, sources.env, sources.envPrefix, sources.reservedVariables)
  const problems = [...file.problems, ...environment.problems]
  const checked = schema.safeParse(plainValues(environment.tree))
  if (!checked.success) {
    // Of a file that couldn't be read, only the environment over it can be judged.
    const judged = ({ place }: Problem) => file.problems.length === 0 || place.source !== file.tree.place.source
    problems.push(...explain(schema, environment.tree, checked.error).filter(judged))
  }
  if (problems.length > 0 || !checked.success) throw new ConfigError(problems)
  const warnings = [...file.warnings, ...environment.warnings, ...ignored(schema, environment.tree)]
  const { source, directory } = file
  const written = checked.data
  return { config: inMs(schema, written), written, source, directory, warnings: printedInOrder(warnings) }
}

/** Reads the file that was asked for, or the first default file that is there, or nothing. */
function readFile({
  file,
  defaultFiles,
  cwd,
}: ConfigSources): YamlText & Pick<LoadedConfig<unknown>, 'source' | 'directory'> {
  for (const [at, name] of (file === undefined ? defaultFiles : [file]).entries()) {
    const path = resolve(cwd, name)
    const read = readConfigFile(path)
    if (!('text' in read) && read.missing && file === undefined) continue
    const yaml = 'text' in read ? readYaml(read.text, name) : unreadable(name, read.sentence)
    const others = file === undefined ? defaultFiles.slice(at + 1).filter(other => existsSync(resolve(cwd, other))) : []
    const passedOver = others.map(other => ({
      place: { source: other },
      path: [],
      sentence: `ignored, because ${name} is there`,
    }))
    return { ...yaml, warnings: [...yaml.warnings, ...passedOver], source: path, directory: dirname(path) }
  }
  const source = 'built-in defaults'
  return { tree: nothing({ source }), problems: [], warnings: [], source, directory: cwd }
}

function unreadable(name: string, sentence: string): YamlText {
  const place = { source: name }
  return { tree: nothing(place), problems: [{ place, path: [], sentence }], warnings: [] }
}
