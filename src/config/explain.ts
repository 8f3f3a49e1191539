import type * as z from 'zod'
import { expectedBy, isSecret, keysOf, openWarning, pathsOf, schemaAt } from './outline.ts'
import { quoted } from './printable.ts'
import { type Problem, printedPath } from './problems.ts'
import { type Entry, entryAt } from './tree.ts'

/** Tells what a schema found wrong with a tree: each issue with its place, what was expected and what stands there. */
export function explain(schema: z.ZodType, tree: Entry, error: z.ZodError): Problem[] {
  return error.issues.flatMap(issue => {
    const path = issue.path.map(String)
    if (issue.code === 'unrecognized_keys') return issue.keys.map(key => unknownKey(schema, tree, [...path, key]))
    if (issue.code === 'custom') {
      const { besides, depth } = (issue.params ?? {}) as { besides?: readonly string[]; depth?: number }
      const blamed =
        besides === undefined || entryAt(tree, path) ? path : [...path.slice(0, -Number(depth)), ...besides]
      return { ...placed(tree, blamed), path, sentence: issue.message }
    }
    const at = schemaAt(schema, path)
    const expected = (at && expectedBy(at)) ?? issue.message
    const entry = entryAt(tree, path)
    const shown = entry && (at && isSecret(at) ? 'something else (a secret is not shown)' : described(entry))
    const got = shown === undefined ? 'which is missing' : `got ${shown}`
    return { ...placed(tree, path), path, sentence: `expected ${expected}, ${got}` }
  })
}

/** What the open sections of a schema will ignore, to be warned of. */
export function ignored(schema: z.ZodType, tree: Entry, path: readonly string[] = []): Problem[] {
  const keys = keysOf(schema)
  if (keys === undefined || tree.kind !== 'section') return []
  const warning = openWarning(schema)
  return [...tree.keys].flatMap(([key, { keyPlace, entry }]) => {
    const below = Object.hasOwn(keys, key) ? keys[key] : undefined
    if (below !== undefined) return ignored(below, entry, [...path, key])
    if (warning === undefined) return []
    const meant = nearest(key, Object.keys(keys))
    const hint = meant === undefined ? '' : `; did you mean ${printedPath([...path, meant])}?`
    return { place: keyPlace, path: [...path, key], sentence: warning + hint }
  })
}

function described(entry: Entry): string {
  if (entry.kind === 'section') return 'a section'
  return entry.kind === 'list' ? 'a list' : quoted(entry.value)
}

/** The place of what stands at `path`, or of the closest thing around it. */
function placed(tree: Entry, path: readonly string[]): Pick<Problem, 'place'> {
  const entry = entryAt(tree, path)
  return entry === undefined ? placed(tree, path.slice(0, -1)) : { place: entry.place }
}

function unknownKey(schema: z.ZodType, tree: Entry, path: readonly string[]): Problem {
  const above = path.slice(0, -1)
  const key = path.at(-1) ?? ''
  const section = entryAt(tree, above)
  const place = (section?.kind === 'section' ? section.keys.get(key)?.keyPlace : undefined) ?? placed(tree, above).place
  const known = Object.keys(keysOf(schemaAt(schema, above) ?? schema) ?? {})
  return { place, path, sentence: `unknown key; ${hint(schema, above, key, known)}` }
}

/** What to write instead of an unknown key: the nearest one beside it, else one of its name elsewhere, else any. */
function hint(schema: z.ZodType, above: readonly string[], key: string, known: readonly string[]): string {
  const meant = nearest(key, known)
  if (meant !== undefined) return `did you mean ${printedPath([...above, meant])}?`
  const elsewhere = pathsOf(schema).filter(path => path.at(-1) === key)
  if (elsewhere.length === 1 && elsewhere[0]) return `did you mean ${printedPath(elsewhere[0])}?`
  return known.length === 0 ? 'this section has no keys' : `known here: ${known.join(', ')}`
}

/** Keys longer than this are nobody's slip of the finger. */
const longestGuess = 64

/**
 * The one of `known` that someone who wrote `key` probably meant: a third of its letters wrong at most, or one of them
 * with something added (`zmq-app`, the plugin's name in the original's early versions).
 */
export function nearest(key: string, known: readonly string[]): string | undefined {
  if (key.length > longestGuess) return undefined
  const written = key.toLowerCase()
  const [best] = known
    .map(name => ({ name, wrong: distance(written, name) }))
    .filter(({ name, wrong }) => wrong <= Math.max(1, Math.floor(name.length / 3)) || written.startsWith(`${name}-`))
    .toSorted((a, b) => a.wrong - b.wrong)
  return best?.name
}

/** The letters to change, add, drop or swap with their neighbour to make `a` into `b` (optimal string alignment). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (beforeLast[j - 2] ?? 0) + 1)
      }
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return last[b.length] ?? 0
}
