import { randomBytes } from 'node:crypto'
import type { Wire } from './wires/wire.ts'
import { wires } from './wires/wires.ts'

const digits = 12
const zeros = '0'.repeat(digits)

/** The topic that the indicators are published under. */
export const indicatorTopic = 'stix2/indicator'

/**
 * Coins complete, unique, valid STIX-2.1 indicators, as messages ready for the wire. Two of them differ in their
 * sequence number only, which stands in the id and in the pattern, so coining one is a copy and 24 digits.
 */
export class IndicatorMint {
  /** Stands before the sequence number in each id of this mint, and nowhere else. */
  readonly marker: string
  /** Bytes of one message on the wire. */
  readonly length: number
  readonly #template: Buffer
  readonly #idDigits: number
  readonly #patternDigits: number

  /** @param bytes length of the JSON body */
  constructor(bytes: number, wire: Wire = wires.zmtp) {
    this.marker = `${randomBytes(4).toString('hex')}-0000-4000-8000-`
    const missing = bytes - this.#json('').length
    if (missing < 0) throw new RangeError(`an indicator has at least ${bytes - missing} bytes`)
    this.#template = wire.message(indicatorTopic, Buffer.from(this.#json('x'.repeat(missing))))
    this.length = this.#template.length
    this.#idDigits = this.#template.indexOf(zeros)
    this.#patternDigits = this.#template.lastIndexOf(zeros)
  }

  /** The messages `from` to `to - 1`, one behind the other. */
  coin(from: number, to: number): Buffer {
    const run = Buffer.allocUnsafe((to - from) * this.length)
    let at = 0
    for (let sequence = from; sequence < to; sequence++) {
      this.#template.copy(run, at)
      writeDigits(run, at + this.#idDigits, sequence)
      writeDigits(run, at + this.#patternDigits, sequence)
      at += this.length
    }
    return run
  }

  #json(description: string): string {
    const time = '2022-05-16T12:00:00.123Z'
    return JSON.stringify({
      type: 'indicator',
      spec_version: '2.1',
      id: `indicator--${this.marker}${zeros}`,
      created: time,
      modified: time,
      description,
      pattern: `[domain-name:value = 'h${zeros}.example.com']`,
      pattern_type: 'stix',
      pattern_version: '2.1',
      valid_from: time,
    })
  }
}

/** Reads the sequence numbers back out of what a broker made of a mint's messages, without parsing any JSON. */
export class SequenceReader {
  readonly #marker: Buffer
  /** Where the marker stands in a message: learnt from the first one, and again whenever it is elsewhere. */
  #offset = 0

  constructor(marker: string) {
    this.#marker = Buffer.from(marker)
  }

  /** The sequence number of the message at `start`, or -1 if it is none of the mint's. */
  read(buffer: Buffer, start: number, end: number): number {
    if (!this.#marked(buffer, start + this.#offset)) {
      const found = buffer.subarray(start, end).indexOf(this.#marker)
      if (found === -1) return -1
      this.#offset = found
    }
    return readDigits(buffer, start + this.#offset + this.#marker.length)
  }

  /** Compares the random part of the marker: the rest is the same in every run. */
  #marked(buffer: Buffer, at: number): boolean {
    for (let index = 0; index < 8; index++) if (buffer[at + index] !== this.#marker[index]) return false
    return true
  }
}

function writeDigits(buffer: Buffer, at: number, value: number): void {
  let rest = value
  for (let place = at + digits - 1; place >= at; place--) {
    buffer[place] = 48 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
}

function readDigits(buffer: Buffer, at: number): number {
  let value = 0
  for (let place = at; place < at + digits; place++) value = value * 10 + (buffer[place] ?? 0) - 48
  return value
}
