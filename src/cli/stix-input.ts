import { isUtf8 } from 'node:buffer'
import { decodeUtf8, isJsonObject, parseJson } from '../protocol/json.ts'
import { membersSoFar, scanValue } from '../protocol/json-scanner.ts'
import { ArrivingBytes } from './arriving-bytes.ts'
import { BrokenInput, brokenIn, type InputPlace, linesBeforeBadBytes } from './broken-input.ts'
import { type ExtentStop, ValueExtent } from './value-extent.ts'

/** What is found in an input: an object as it stands there, or something that is none. */
export type InputItem = InputPlace &
  (
    | {
        readonly kind: 'object'
        /** Its text, byte for byte. */
        readonly text: string
        readonly object: Readonly<Record<string, unknown>>
      }
    | { readonly kind: 'too_large'; readonly type: unknown; readonly id: unknown }
    | { readonly kind: 'broken'; readonly problem: string; readonly id?: unknown }
  )

/** A bundle, envelope or list whose members are being read. */
interface OpenContainer {
  /** What stands before the list of its members; undefined if it is just a list. */
  readonly head: string | undefined
  readonly path: string
  /** Members that were begun. */
  count: number
  /** Is a member due, for there was a comma? */
  afterComma: boolean
}

/** What is known of a value that has not ended, or is not valid. */
interface Glimpse {
  readonly type: unknown
  readonly id: unknown
  /** The index of its list of objects, from its beginning. */
  readonly objects: number | undefined
}

const lineFeed = 0x0a
const comma = 0x2c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const byteOrderMark = Buffer.from('\ufeff')
/** Bytes of a character in UTF-8, at most. */
const longestCharacter = 4

/** Bytes of a value that has not ended when it is first looked into: is it a bundle? Then each time that they have doubled. */
const firstGlimpseBytes = 65_536

/** Bundles and lists that are in one another, at most. */
const deepestContainers = 16

/** What members of a TAXII envelope there may be beside its objects (TAXII 2.1, section 3.7); without any objects it is empty. */
const envelopeMembers: ReadonlySet<string> = new Set(['more', 'next'])

/**
 * The objects in an input: JSON lines, or JSON over several lines, one value or many in a row. A bundle stands for its
 * members, and so do a TAXII envelope and a list; they may be in one another.
 *
 * It is read as it comes, and no more is held of it than a small multiple of `maxObjectBytes`: a larger object is passed over.
 *
 * If the first line that is not blank is JSON by itself, each line is: a broken one is passed over. Otherwise the values go
 * over several lines, and the input ends where it is broken. What stands before the broken place is found in either.
 */
export async function* readObjects(
  chunks: AsyncIterable<Buffer>,
  maxObjectBytes: number,
): AsyncGenerator<InputItem, void> {
  const reader = new ObjectReader(chunks, maxObjectBytes)
  try {
    for (let item = await reader.next(); item !== undefined; item = await reader.next()) yield item
  } finally {
    await reader.close()
  }
}

class ObjectReader {
  readonly #input: ArrivingBytes
  readonly #maxObjectBytes: number
  /** The innermost last. */
  readonly #open: OpenContainer[] = []
  /** Is each line JSON by itself, or do values go over lines? Undefined before the end of the first line that is not blank. */
  #layout: 'lines' | 'values' | undefined
  #hasBegun = false
  #hasEnded = false

  constructor(chunks: AsyncIterable<Buffer>, maxObjectBytes: number) {
    this.#input = new ArrivingBytes(chunks)
    this.#maxObjectBytes = maxObjectBytes
  }

  /** What is found next, or undefined at the end. */
  async next(): Promise<InputItem | undefined> {
    while (!this.#hasEnded) {
      try {
        const item = await this.#step()
        if (item !== undefined) return item
      } catch (error) {
        if (!(error instanceof BrokenInput)) throw error
        await this.#passBroken()
        return { kind: 'broken', problem: error.message, ...error.place }
      }
    }
    return undefined
  }

  close(): Promise<void> {
    return this.#input.close()
  }

  /** Reads a value, or goes into or out of a container. */
  async #step(): Promise<InputItem | undefined> {
    const input = this.#input
    const byte = await this.#token()
    const container = this.#open.at(-1)
    if (container === undefined) {
      this.#hasEnded = byte === undefined
      return byte === undefined ? undefined : this.#value(byte, '')
    }
    if (byte === closeBracket && !container.afterComma) {
      input.at++
      this.#open.pop()
      return container.head === undefined ? undefined : this.#endOf(container.head, container.path)
    }
    if (container.count > 0 && !container.afterComma) {
      if (byte !== comma) throw this.#unexpected(container.path, 'a comma or ]')
      input.at++
      container.afterComma = true
      return undefined
    }
    if (byte === undefined) throw this.#unexpected(container.path, 'a value')
    container.afterComma = false
    return this.#value(byte, `${container.path}[${container.count++}]`)
  }

  /** The next byte that is not whitespace, not passed yet; undefined at the end. */
  async #token(): Promise<number | undefined> {
    const input = this.#input
    do {
      for (; input.at < input.end; input.at++) {
        const byte = input.buffer[input.at]
        if (byte === lineFeed) this.#endLine()
        else if (byte !== 0x20 && byte !== 0x0d && byte !== 0x09) {
          if (this.#hasBegun || byte !== byteOrderMark[0]) return byte
          if (!(await this.#skipByteOrderMark())) return byte
        }
      }
      input.kept = input.at
    } while (await input.more())
    return undefined
  }

  /** Is the mark at the very beginning? Reading then stands at its last byte. */
  async #skipByteOrderMark(): Promise<boolean> {
    const input = this.#input
    while (input.end < byteOrderMark.length && (await input.more()));
    if (input.at !== 0 || !input.buffer.subarray(0, Math.min(input.end, 3)).equals(byteOrderMark)) return false
    input.at = byteOrderMark.length - 1
    return true
  }

  /** Between values is the end of a line. */
  #endLine(): void {
    const container = this.#open.at(-1)
    if (container === undefined) {
      if (this.#hasBegun) this.#layout ??= 'lines'
    } else if (this.#layout === 'lines') {
      throw this.#unexpected(container.path, container.afterComma ? 'a value' : 'a comma or ]')
    } else this.#layout = 'values'
  }

  /** Reads the value that begins here. If it is a container, its members come next. */
  async #value(first: number, path: string): Promise<InputItem | undefined> {
    const input = this.#input
    const place = { line: input.lineAt(input.at), path }
    this.#hasBegun = true
    if (this.#open.length > deepestContainers) {
      throw new BrokenInput(place, `more than ${deepestContainers} bundles or lists are in one another`)
    }
    if (first === openBracket) {
      this.#open.push({ head: undefined, path: path || '.', count: 0, afterComma: false })
      input.at++
      return undefined
    }
    input.kept = input.at
    const extent = new ValueExtent(first, this.#layout === 'lines')
    let glimpseBytes = firstGlimpseBytes
    for (;;) {
      const stop = this.#scan(extent)
      if (stop === 'end') return this.#whole(place)
      if (stop !== 'more') return this.#broken(place, stop)
      const { length } = input.held
      if (length > this.#maxObjectBytes || length >= glimpseBytes) {
        glimpseBytes = 2 * length
        const glimpse = this.#glimpse()
        const isTooLarge = length > this.#maxObjectBytes
        if ((isTooLarge || glimpse.type === 'bundle') && this.#enter(glimpse, place)) return undefined
        if (isTooLarge)
          return this.#passTooLarge(extent, { kind: 'too_large', type: glimpse.type, id: glimpse.id, ...place })
      }
      if (await input.more()) continue
      return extent.endsWithInput ? this.#whole(place) : this.#broken(place, stop)
    }
  }

  #scan(extent: ValueExtent): ExtentStop {
    const input = this.#input
    const stop = extent.scan(input.buffer, input.at, input.end)
    input.at = extent.index
    return stop
  }

  /** What a value is that has ended. */
  #whole(place: InputPlace): InputItem | undefined {
    this.#noteLayout()
    const { held } = this.#input
    const text = decodeUtf8(held)
    const value = text === undefined ? undefined : parseJson(text)
    if (text === undefined || value === undefined) return this.#broken(place, 'end')
    if (!isJsonObject(value)) return notAnObject(place)
    const { type, id, objects } = value
    if (type === 'bundle' || type === undefined) {
      if (Array.isArray(objects)) {
        this.#enter(this.#glimpse(), place)
        return undefined
      }
      if (type === 'bundle') return objects === undefined ? undefined : onlyMember(text, objects, place)
      if (place.path === '' && Object.keys(value).every(name => envelopeMembers.has(name))) return undefined
    }
    if (held.length > this.#maxObjectBytes) return { kind: 'too_large', type, id, ...place }
    return { kind: 'object', text, object: value, ...place }
  }

  /**
   * What to do with a value that is not JSON, or does not end: the members of a container are read up to the broken place, which
   * is found among them. What is not UTF-8 and has an end costs only itself.
   */
  #broken(place: InputPlace, stop: ExtentStop): InputItem | undefined {
    this.#noteLayout()
    const input = this.#input
    const glimpse = this.#glimpse()
    if (this.#enter(glimpse, place)) return undefined
    // What is neither a bracket, a quotation mark nor a word, or a control character, stands there unread.
    const isUnread = stop === 'control_character' || input.at === input.kept
    const bytes = input.buffer.subarray(input.kept, input.at + Number(isUnread))
    if (!isUtf8(bytes)) {
      const broken = new BrokenInput(
        { ...place, line: place.line + linesBeforeBadBytes(bytes) },
        'the text is not valid UTF-8',
      )
      if (stop !== 'end') throw broken
      return { kind: 'broken', problem: broken.message, id: glimpse.id, ...broken.place }
    }
    throw brokenIn(isUnread ? `${bytes}` : `${bytes}`.trimEnd(), 0, place)
  }

  /** What can be known of the value of which a part is held. */
  #glimpse(): Glimpse {
    const { held } = this.#input
    // In Latin-1, indices are those of bytes. The names that are looked for, and all that structures JSON, are the same.
    const members = held[0] === openBrace ? membersSoFar(held.toString('latin1'), 0) : undefined
    const known = (name: string) => {
      const { start, end } = members?.get(name) ?? {}
      return end === undefined ? undefined : parseJson(held.toString('utf8', start, end))
    }
    const objects = members?.get('objects')?.start
    const isList = objects !== undefined && held[objects] === openBracket
    return { type: known('type'), id: known('id'), objects: isList ? objects : undefined }
  }

  /** Goes into the container of which a part is held, if it is one: then its members come next. */
  #enter({ type, objects }: Glimpse, { path }: InputPlace): boolean {
    if (objects === undefined || (type !== undefined && type !== 'bundle')) return false
    this.#noteLayout()
    const input = this.#input
    const head = input.held.toString('utf8', 0, objects)
    this.#open.push({ head, path: `${path}.objects`, count: 0, afterComma: false })
    input.at = input.kept + objects + 1
    input.kept = input.at
    return true
  }

  /** Reads what a container has behind the list of its objects. With what stands before that list it must be JSON. */
  async #endOf(head: string, path: string): Promise<InputItem | undefined> {
    const input = this.#input
    const place = { line: input.lineAt(input.at), path }
    input.kept = input.at
    const extent = new ValueExtent(undefined, this.#layout === 'lines')
    let stop = this.#scan(extent)
    while (stop === 'more' && input.held.length <= this.#maxObjectBytes && (await input.more()))
      stop = this.#scan(extent)
    this.#noteLayout()
    if (input.held.length > this.#maxObjectBytes)
      throw new BrokenInput(place, 'what stands behind its objects is too large')
    const before = `${head}[]`
    const text = before + input.held
    const container = stop === 'end' ? parseJson(text) : undefined
    if (!isJsonObject(container)) throw brokenIn(text.trimEnd(), before.length, place)
    const { type, objects } = container
    const isContainer = type === undefined || type === 'bundle'
    if (isContainer && Array.isArray(objects) && objects.length === 0) return undefined
    const problem = isContainer
      ? 'it has two lists of objects'
      : 'its objects were taken for those of a bundle, which it is not'
    return { kind: 'broken', problem, id: container.id, ...place }
  }

  /** Passes over what is left of a value that is too large. */
  async #passTooLarge(extent: ValueExtent, item: InputItem): Promise<InputItem> {
    const input = this.#input
    do input.kept = input.at
    while ((await input.more()) && this.#scan(extent) === 'more')
    return item
  }

  /** Passes over what is broken: the rest of the line, if lines are JSON by themselves, or of the input. */
  async #passBroken(): Promise<void> {
    const input = this.#input
    this.#open.length = 0
    this.#hasEnded = this.#layout === 'values'
    this.#layout ??= 'lines'
    while (!this.#hasEnded) {
      const index = input.buffer.subarray(input.at, input.end).indexOf(lineFeed)
      if (index >= 0) {
        input.at += index
        return
      }
      input.at = input.end
      input.kept = input.end
      this.#hasEnded = !(await input.more())
    }
  }

  /** A value that goes over the end of the first line shows that values do. */
  #noteLayout(): void {
    if (this.#layout === undefined && this.#input.held.includes(lineFeed)) this.#layout = 'values'
  }

  /** Something else stands among the members of a container than there must. */
  #unexpected(path: string, what: string): BrokenInput {
    const input = this.#input
    const place = { line: input.lineAt(input.at), path }
    const [character] = input.buffer.toString('utf8', input.at, Math.min(input.end, input.at + longestCharacter))
    const there =
      input.at === input.end || character === '\n' ? 'the text ends' : `there is ${JSON.stringify(character)}`
    return new BrokenInput(place, `${what} was expected, and ${there}`)
  }
}

function notAnObject(place: InputPlace): InputItem {
  return { kind: 'broken', problem: 'a STIX object was expected, and there is another JSON value', ...place }
}

/** What a bundle holds whose objects are no list. */
function onlyMember(bundle: string, object: unknown, { line, path }: InputPlace): InputItem {
  const place = { line, path: `${path}.objects` }
  const value = scanValue(bundle, 0)
  const slice = value.kind === 'object' ? value.members.get('objects') : undefined
  if (!isJsonObject(object) || slice === undefined) return notAnObject(place)
  return { kind: 'object', text: bundle.slice(slice.start, slice.end), object, ...place }
}
