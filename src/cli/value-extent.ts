const quote = 0x22
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d
const lineFeed = 0x0a

/** Bytes that end a number or a word: whitespace, and what structures JSON. */
const isDelimiter = new Uint8Array(256)
for (const byte of Buffer.from(' \n\r\t,:"[]{}')) isDelimiter[byte] = 1

/**
 * Where looking for the end of a value stopped: at its end, or with all bytes that there are, or where there is no end to be
 * found: at the end of the line that it must be on, or at a control character in a string.
 */
export type ExtentStop = 'end' | 'more' | 'line_end' | 'control_character'

/**
 * Finds the end of a JSON value in bytes that come one after the other, each looked at once, without recursion. Whether it is
 * JSON is for others to say; of a text that is none the end is anywhere.
 */
export class ValueExtent {
  readonly #oneLine: boolean
  readonly #isWord: boolean
  /** Objects and lists that are open. */
  #depth: number
  #inString = false
  #escaped = false
  /** The index after the bytes that were looked at, or of that where it stopped. */
  index = 0

  /**
   * @param first the first byte of the value; undefined if it is an object of which a part was read, up to a member's end
   * @param oneLine must it end on the line that it begins on?
   */
  constructor(first: number | undefined, oneLine: boolean) {
    this.#oneLine = oneLine
    this.#depth = first === undefined ? 1 : 0
    this.#isWord = first !== undefined && first !== quote && first !== openBrace && first !== openBracket
  }

  /** May the value end with the input? */
  get endsWithInput(): boolean {
    return this.#isWord
  }

  /** Goes on, with the bytes from `start` to `end`. */
  scan(bytes: Buffer, start: number, end: number): ExtentStop {
    if (!this.#isWord) return this.#scanNested(bytes, start, end)
    this.index = start
    while (this.index < end && isDelimiter[bytes[this.index] as number] === 0) this.index++
    return this.index < end ? 'end' : 'more'
  }

  #scanNested(bytes: Buffer, start: number, end: number): ExtentStop {
    let depth = this.#depth
    let inString = this.#inString
    let escaped = this.#escaped
    let stop: ExtentStop = 'more'
    let index = start
    for (; index < end && stop === 'more'; index++) {
      const byte = bytes[index] as number
      if (inString) {
        if (escaped) escaped = false
        else if (byte === quote) {
          inString = false
          if (depth === 0) stop = 'end'
        } else if (byte === backslash) escaped = true
        else if (byte < 0x20) stop = 'control_character'
      } else if (byte === quote) inString = true
      else if (byte === openBrace || byte === openBracket) depth++
      else if (byte === closeBrace || byte === closeBracket) {
        if (--depth === 0) stop = 'end'
      } else if (byte === lineFeed && this.#oneLine) stop = 'line_end'
    }
    // What is no part of the value any more is still to be read.
    if (stop === 'line_end' || stop === 'control_character') index--
    this.index = index
    this.#depth = depth
    this.#inString = inString
    this.#escaped = escaped
    return stop
  }
}
