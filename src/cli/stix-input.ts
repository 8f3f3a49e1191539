import { isJsonObject } from '../protocol/json.ts'
import { BrokenJson, type ScannedValue, type Slice, scanValue, scanValues } from '../protocol/json-scanner.ts'

/** What is found in an input: an object as it stands there, or something that is none. */
export type InputItem =
  | {
      readonly kind: 'object'
      /** Its text, byte for byte. */
      readonly text: string
      readonly object: Readonly<Record<string, unknown>>
      readonly line: number
    }
  | { readonly kind: 'broken'; readonly problem: string; readonly line: number }

/** Where reading stands, for a progress bar. */
export interface InputPosition {
  /** Bytes of the input that have been looked at. */
  readonly bytes: number
}

/** A line of an input, without its end. `text` is undefined if it is not UTF-8. */
interface Line {
  readonly text: string | undefined
  readonly line: number
  readonly bytes: number
}

/**
 * The objects in an input: JSON lines, or JSON over several lines, one value or many in a row. A bundle stands for its
 * members and an array for its elements.
 *
 * If the first line that is not blank is JSON by itself, each line is, and none has to wait for the next: a broken one
 * is passed over. Otherwise the values go over several lines; the input is then read whole, and ends where it is broken.
 */
export async function* readObjects(chunks: AsyncIterable<Buffer>): AsyncGenerator<InputItem & InputPosition, void> {
  const lines = linesOf(chunks)
  for await (const first of lines) {
    if (first.text?.trim() === '') continue
    if (continues(first.text)) {
      yield* objectsOverLines(first, lines)
      return
    }
    yield* objectsInLine(first)
    for await (const line of lines) yield* objectsInLine(line)
  }
}

/** Is this JSON that ends too early, so that it may go on in the next line? */
function continues(text: string | undefined): boolean {
  if (text === undefined) return false
  try {
    for (const value of scanValues(text)) void value
    return false
  } catch (error) {
    return error instanceof BrokenJson && error.index === text.length
  }
}

async function* objectsOverLines(first: Line, rest: AsyncIterable<Line>): AsyncGenerator<InputItem & InputPosition> {
  let { text, bytes } = first
  const texts = [text]
  for await (const line of rest) {
    ;({ text, bytes } = line)
    if (text === undefined) {
      yield { ...notUtf8, line: line.line, bytes }
      return
    }
    texts.push(text)
  }
  const whole = texts.join('\n')
  for (const { at, ...item } of objectsIn(whole, first.line)) yield { ...item, bytes: at }
}

function* objectsInLine({ text, line, bytes }: Line): Generator<InputItem & InputPosition> {
  if (text === undefined) yield { ...notUtf8, line, bytes }
  else for (const { at: _, ...item } of objectsIn(text, line)) yield { ...item, bytes }
}

const notUtf8 = { kind: 'broken', problem: 'the text is not valid UTF-8' } as const

/** The objects in a text, each with its place in it. Where the text is broken, that is the last thing that is found. */
function* objectsIn(text: string, firstLine: number): Generator<InputItem & { readonly at: number }> {
  let [counted, line] = [0, firstLine]
  const lineAt = (index: number) => {
    for (let next = text.indexOf('\n', counted); next >= 0 && next < index; next = text.indexOf('\n', counted)) {
      counted = next + 1
      line++
    }
    return line
  }
  try {
    for (const value of scanValues(text)) {
      for (const slice of membersOf(text, value)) {
        const { start, end } = slice
        const slicedText = text.slice(start, end)
        const object: unknown = JSON.parse(slicedText)
        const place = { line: lineAt(start), at: end }
        if (isJsonObject(object)) yield { kind: 'object', text: slicedText, object, ...place }
        else yield { kind: 'broken', problem: 'a STIX object was expected, and there is another JSON value', ...place }
      }
    }
  } catch (error) {
    if (!(error instanceof BrokenJson)) throw error
    yield { kind: 'broken', problem: error.message, line: lineAt(error.index), at: error.index }
  }
}

/** What a value stands for: a bundle for its members, an array for its elements, any other value for itself. */
function membersOf(text: string, value: ScannedValue): readonly Slice[] {
  if (value.kind === 'array') return value.elements
  if (value.kind === 'scalar') return [value]
  const type = value.members.get('type')
  if (type === undefined || JSON.parse(text.slice(type.start, type.end)) !== 'bundle') return [value]
  const objects = value.members.get('objects')
  if (objects === undefined) return []
  const members = scanValue(text, objects.start)
  return members.kind === 'array' ? members.elements : [objects]
}

const newline = 0x0a

/** Splits what arrives into lines, holding no more than one line. A byte order mark is not part of the first one. */
async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let line = 0
  let bytes = 0
  let begun: Buffer[] = []
  const finish = (last: Buffer): Line => {
    const whole = begun.length === 0 ? last : Buffer.concat([...begun, last])
    begun = []
    bytes += whole.length
    line++
    try {
      const text = decoder.decode(whole)
      return { text: line === 1 ? text.replace(/^\ufeff/, '') : text, line, bytes }
    } catch {
      return { text: undefined, line, bytes }
    }
  }
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      yield finish(chunk.subarray(start, end))
      bytes++
      start = end + 1
    }
    if (start < chunk.length) begun.push(chunk.subarray(start))
  }
  if (begun.length > 0) yield finish(Buffer.alloc(0))
}
