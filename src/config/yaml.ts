import { Composer, type Document, isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, type Pair, Parser } from 'yaml'
import type { Place, Problem } from './problems.ts'
import { type Entry, type Keyed, nothing, type Section } from './tree.ts'

/**
 * Levels of nesting that a configuration may have. Anything the schemas know ends far above. It is checked before the
 * YAML library builds its document, because that recurses: near the end of its stack, V8 can abort the process.
 */
const deepest = 64

/** Aliases (`*name`) that one document may use. */
const aliasesAtMost = 100

/** Keys that sections of one document may take from others by merge keys, all together: each is held for each of them. */
const mergedAtMost = 10_000

/** What was read from a YAML text. */
export interface YamlText {
  readonly tree: Entry
  /** Mistakes in the YAML itself: syntax, a key that stands twice, bad aliases. With any, `tree` is not to be used. */
  readonly problems: readonly Problem[]
  /** Oddities: unknown tags. */
  readonly warnings: readonly Problem[]
}

/** A place for an offset in the text, in UTF-16 units. */
type Locate = (offset: number) => Place

/**
 * Reads YAML 1.2, and the merge keys of 1.1 (https://yaml.org/type/merge.html); never throws. An empty text is null. `source` is the printed name of where it comes from;
 * with `lines` false (an environment variable) places don't tell lines.
 */
export function readYaml(text: string, source: string, lines = true): YamlText {
  const counter = new LineCounter()
  counter.addNewLine(0)
  const locate: Locate = offset => {
    if (!lines) return { source }
    const { line, col } = counter.linePos(offset)
    return { source, line, column: col }
  }

  const parser = new Parser(counter.addNewLine)
  const tokens = []
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) tokens.push(token)
    if (parser.stack.length > deepest) {
      const place = locate(parser.offset)
      const sentence = `nested too deep: a configuration has at most ${deepest} levels`
      return { tree: nothing(place), problems: [{ place, path: [], sentence }], warnings: [] }
    }
  }
  for (const token of parser.end()) tokens.push(token)

  // uniqueKeys compares every key with every other; the walk below finds a key that stands twice in one look-up.
  const composer = new Composer({ prettyErrors: false, uniqueKeys: false, resolveKnownTags: false })
  const [document, second] = composer.compose(tokens, true, text.length)
  const told = ({ message, pos }: { message: string; pos: [number, number] }): Problem => {
    return { place: locate(pos[0]), path: [], sentence: message }
  }
  const problems = (document?.errors ?? []).map(told)
  const warnings = (document?.warnings ?? []).map(told)
  if (second !== undefined) {
    const sentence = 'a second document begins here; a configuration is one document'
    problems.push({ place: locate(second.range[0]), path: [], sentence })
  }
  if (problems.length > 0) return { tree: nothing(locate(0)), problems, warnings }

  const walk = new Walk(locate)
  const tree = walk.entry(document?.contents, [], locate(0))
  return { tree, problems: walk.problems, warnings }
}

const mergeKey = '<<'

/** Not in quotes: there it is a key like any other. */
function isMergeKey(node: unknown): boolean {
  return isScalar(node) && node.value === mergeKey && node.type === 'PLAIN'
}

/** Goes through a YAML document and makes a tree of it, collecting what is wrong. */
class Walk {
  readonly problems: Problem[] = []
  readonly #locate: Locate
  /** The anchors that have been passed; an alias can name one of these only, so no tree holds itself. */
  readonly #anchors = new Map<string, Entry>()
  #aliases = 0
  #merged = 0

  constructor(locate: Locate) {
    this.#locate = locate
  }

  /** The tree of `node`; `keyPlace` is where its key stands, the place of values that take no room of their own. */
  entry(node: unknown, path: readonly string[], keyPlace: Place): Entry {
    if (isAlias(node)) return this.#aliased(node.source, path, this.#placeOf(node, keyPlace))
    const place = this.#placeOf(node, keyPlace)
    let entry: Entry
    if (isMap(node)) entry = { kind: 'section', place, keys: this.#keys(node.items, path) }
    else if (isSeq(node)) {
      entry = {
        kind: 'list',
        place,
        items: node.items.map((item, at) => this.entry(item, [...path, String(at)], place)),
      }
    } else entry = { kind: 'scalar', place, value: isScalar(node) ? node.value : null }
    if ((isMap(node) || isSeq(node) || isScalar(node)) && node.anchor !== undefined)
      this.#anchors.set(node.anchor, entry)
    return entry
  }

  #keys(pairs: readonly Pair[], path: readonly string[]): Map<string, Keyed> {
    const keys = new Map<string, Keyed>()
    /** Where the merge key stands, and what it takes keys from. */
    let merge: { readonly keyPlace: Place; readonly sections: readonly Section[] } | undefined
    for (const { key: node, value } of pairs) {
      const keyPlace = this.#placeOf(node, this.#locate(0))
      if (isMergeKey(node)) {
        if (merge !== undefined) this.#standsTwice(keyPlace, [...path, mergeKey], merge.keyPlace)
        const known = this.problems.length
        const entry = this.entry(value, path, keyPlace)
        // of an alias that names nothing that has been told
        merge = { keyPlace, sections: this.problems.length > known ? [] : this.#sections(entry, path) }
        continue
      }
      if (!isScalar(node) || node.value === null) {
        this.problems.push({ place: keyPlace, path, sentence: 'a key must be a word' })
        continue
      }
      const key = typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
      const before = keys.get(key)
      if (before !== undefined) this.#standsTwice(keyPlace, [...path, key], before.keyPlace)
      keys.set(key, { keyPlace, entry: this.entry(value, [...path, key], keyPlace) })
    }
    if (merge !== undefined) this.#merge(keys, merge.sections, { place: merge.keyPlace, path })
    return keys
  }

  #standsTwice(place: Place, path: readonly string[], { line }: Place): void {
    const first = line === undefined ? '' : `; it is in line ${line} too`
    this.problems.push({ place, path, sentence: `this key stands here twice${first}` })
  }

  /** The sections that a merge key names. */
  #sections(entry: Entry, path: readonly string[]): readonly Section[] {
    return (entry.kind === 'list' ? entry.items : [entry]).flatMap(item => {
      if (item.kind === 'section') return [item]
      const sentence = `a merge key (${mergeKey}) takes a section or a list of sections, such as *name of one above it`
      this.problems.push({ place: item.place, path, sentence })
      return []
    })
  }

  /** Adds the keys of sections that are not there yet, each with its own place. Of a key that several have, the first wins. */
  #merge(keys: Map<string, Keyed>, sections: readonly Section[], where: Pick<Problem, 'place' | 'path'>): void {
    for (const section of sections) {
      for (const [key, keyed] of section.keys) {
        if (keys.has(key)) continue
        if (this.#merged++ < mergedAtMost) keys.set(key, keyed)
        else if (this.#merged === mergedAtMost + 1) {
          this.problems.push({ ...where, sentence: `more than ${mergedAtMost} keys are merged` })
        }
      }
    }
  }

  #aliased(name: string, path: readonly string[], place: Place): Entry {
    this.#aliases++
    const entry = this.#anchors.get(name)
    if (this.#aliases === aliasesAtMost + 1) {
      this.problems.push({ place, path, sentence: `more than ${aliasesAtMost} aliases` })
    } else if (entry === undefined) {
      const sentence = `the alias *${name} names no anchor above it; text that begins with * stands in quotes`
      this.problems.push({ place, path, sentence })
    }
    return entry ?? nothing(place)
  }

  /** Where a node begins. An empty value (`key:` and nothing) has no room of its own: the place of its key stands in. */
  #placeOf(node: unknown, keyPlace: Place): Place {
    const range = (node as Document.Parsed['contents'])?.range
    return !range || range[0] === range[1] ? keyPlace : this.#locate(range[0])
  }
}
