import type { Place } from './problems.ts'

/**
 * A configuration as it was written: values, each with the place where it stands, so that whatever turns out to be wrong
 * with one can be told with its place. Trees are not changed, since an alias lets a part of one stand in two places.
 */
export type Entry = Scalar | Section | List

/** A single value: text, a number, true, false, or null. */
export interface Scalar {
  readonly kind: 'scalar'
  readonly place: Place
  readonly value: unknown
}

/** Keys with values. */
export interface Section {
  readonly kind: 'section'
  readonly place: Place
  readonly keys: ReadonlyMap<string, Keyed>
}

/** A value under a key, with the place of the key. */
export interface Keyed {
  readonly keyPlace: Place
  readonly entry: Entry
}

/** A list. */
export interface List {
  readonly kind: 'list'
  readonly place: Place
  readonly items: readonly Entry[]
}

/** Null: a value that was left empty. */
export function nothing(place: Place): Scalar {
  return { kind: 'scalar', place, value: null }
}

/** A section with nothing in it. */
function emptySection(place: Place): Section {
  return { kind: 'section', place, keys: new Map() }
}

/** What stands at `path`; undefined if nothing does. */
export function entryAt(tree: Entry, path: readonly PropertyKey[]): Entry | undefined {
  let entry: Entry | undefined = tree
  for (const step of path) {
    if (entry?.kind === 'section') entry = entry.keys.get(String(step))?.entry
    else if (entry?.kind === 'list') entry = entry.items[Number(step)]
    else return undefined
  }
  return entry
}

/**
 * The tree with `entry` standing at `path` as well. It wins over what stands there; of two sections, it wins key by key.
 * Sections on the way that don't exist are made, and what is no section gives way to one.
 */
export function withEntry(tree: Entry, path: readonly string[], entry: Entry): Entry {
  const [key, ...rest] = path
  if (key === undefined) {
    if (tree.kind !== 'section' || entry.kind !== 'section') return entry
    let merged: Entry = tree
    for (const [inner, keyed] of entry.keys) merged = withEntry(merged, [inner], keyed.entry)
    return merged
  }
  const section = tree.kind === 'section' ? tree : emptySection(entry.place)
  const before = section.keys.get(key)
  const after: Keyed = {
    keyPlace: before === undefined || before.entry.kind !== 'section' ? entry.place : before.keyPlace,
    entry: withEntry(before?.entry ?? emptySection(entry.place), rest, entry),
  }
  return { ...section, keys: new Map(section.keys).set(key, after) }
}

/**
 * The tree as plain values, to be checked by a schema. Objects have no prototype, so that a key named `__proto__` is a
 * key like any other. What an alias repeats is one object in both places, however often it is repeated.
 */
export function plainValues(tree: Entry, made = new Map<Entry, unknown>()): unknown {
  if (tree.kind === 'scalar') return tree.value
  const known = made.get(tree)
  if (known !== undefined) return known
  if (tree.kind === 'list') {
    const list = tree.items.map(item => plainValues(item, made))
    made.set(tree, list)
    return list
  }
  const object: Record<string, unknown> = Object.create(null)
  for (const [key, { entry }] of tree.keys) object[key] = plainValues(entry, made)
  made.set(tree, object)
  return object
}
