import { type Place, type Problem, printedPath } from './problems.ts'
import { type Entry, withEntry } from './tree.ts'
import { readYaml } from './yaml.ts'

/** The environment of a process. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Variables that Kubernetes (and Docker's links) set in every container for a service that has the program's name:
 * `THREATBUS_SERVICE_HOST`, `THREATBUS_PORT_13370_TCP_ADDR`, `THREATBUS_MANAGE_SERVICE_PORT_ZMQ`. Nobody wrote them, so
 * they must not keep the program from starting. No key of a configuration looks like that at the top level.
 */
const setByOrchestrators =
  /^([A-Z\d]+_)*(SERVICE_HOST|SERVICE_PORT(_[A-Z\d_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/

/** What the environment adds to a configuration. */
export interface EnvironmentRead {
  /** The tree with the environment's values, which win. */
  readonly tree: Entry
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
}

/**
 * Lays the environment over a configuration: `THREATBUS_QUEUE__MAX_BYTES=1000000` is `queue.max_bytes`. Names are
 * `prefix` and the keys, joined by `__`, in either case; values are YAML. A section (`THREATBUS_QUEUE={max_bytes: …}`)
 * wins key by key, and a variable for a key wins over one for the section it is in. Which keys exist is the schema's to
 * say. `reserved` are whole names that start with the prefix and mean something else.
 */
export function withEnvironment(
  tree: Entry,
  environment: Environment,
  prefix: string,
  reserved: readonly string[] = [],
): EnvironmentRead {
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const namedBy = new Map<string, string>()
  let laidOver = tree

  for (const { name, path, text } of variables(environment, prefix, reserved)) {
    const place: Place = { source: `environment ${name}` }
    if (path.some(key => key === '')) {
      problems.push({ place, path: [], sentence: `names no key; a name is ${prefix} and keys, joined by __` })
      continue
    }
    const other = namedBy.get(printedPath(path))
    if (other !== undefined) problems.push({ place, path, sentence: `${other} sets the same key` })
    namedBy.set(printedPath(path), name)

    const read = readYaml(text, place.source, false)
    const under = (problem: Problem): Problem => ({ ...problem, path: [...path, ...problem.path] })
    for (const problem of read.problems) {
      problems.push({
        ...under(problem),
        sentence: `not YAML (text with special characters stands in quotes): ${problem.sentence}`,
      })
    }
    warnings.push(...read.warnings.map(under))
    if (read.problems.length === 0) laidOver = withEntry(laidOver, path, read.tree)
  }
  return { tree: laidOver, problems, warnings }
}

/** The variables that name keys, those for sections before those for what is in them, each with its path. */
function variables(environment: Environment, prefix: string, reserved: readonly string[]) {
  const upperPrefix = prefix.toUpperCase()
  const names = Object.keys(environment).filter(name => {
    const upper = name.toUpperCase()
    if (!upper.startsWith(upperPrefix) || reserved.includes(upper)) return false
    return !setByOrchestrators.test(upper.slice(prefix.length))
  })
  return names
    .map(name => ({
      name,
      path: name.slice(prefix.length).toLowerCase().split('__'),
      text: environment[name] ?? '',
    }))
    .toSorted((a, b) => a.path.length - b.path.length || (a.name < b.name ? -1 : 1))
}
