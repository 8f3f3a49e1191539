import { isUtf8 } from 'node:buffer'
import { BrokenJson, scanMembers } from '../protocol/json-scanner.ts'

/** Where something stands in an input. */
export interface InputPlace {
  readonly line: number
  /** Its index, as `jq` writes it: `.objects[3]` in a bundle, `.[3]` in a list; empty if it stands by itself. */
  readonly path: string
}

/** Thrown where an input stops making sense. */
export class BrokenInput extends Error {
  readonly place: InputPlace

  constructor(place: InputPlace, problem: string) {
    super(problem)
    this.place = place
  }
}

const noNames: ReadonlySet<string> = new Set()

/** What is wrong with a text that is no JSON, and where, if the part from `start` on begins at a place in the input. */
export function brokenIn(text: string, start: number, { line, path }: InputPlace): Error {
  try {
    scanMembers(text, noNames)
  } catch (error) {
    if (!(error instanceof BrokenJson)) throw error
    const linesBefore = text.slice(start, error.index).split('\n').length - 1
    return new BrokenInput({ line: line + linesBefore, path }, error.message)
  }
  return new Error('JSON.parse refuses what the scanner accepts')
}

const lineFeed = 0x0a

/** How many lines are valid UTF-8 before the first of these bytes that are not. */
export function linesBeforeBadBytes(bytes: Buffer): number {
  let lines = 0
  let start = 0
  for (let end = bytes.indexOf(lineFeed); end >= 0; end = bytes.indexOf(lineFeed, start)) {
    if (!isUtf8(bytes.subarray(start, end))) break
    start = end + 1
    lines++
  }
  return lines
}
