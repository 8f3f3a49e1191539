import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { printableJson } from '../config/printable.ts'
import { parseJson } from '../protocol/json.ts'
import { compacted } from '../protocol/json-scanner.ts'

/** Characters that are collected before they are written, if nothing else writes them earlier. */
const collected = 65_536

/**
 * JSON text as one line: byte for byte, but for line breaks. JSON has them only between its tokens, where a space means the
 * same.
 */
export function onOneLine(json: string): string {
  return json.replace(/[\r\n]/g, ' ')
}

/** JSON text as people read it on one line: without the whitespace between its tokens. What is no JSON only loses line breaks. */
export function onOneShortLine(json: string): string {
  return parseJson(json) === undefined ? onOneLine(json) : compacted(json)
}

/**
 * Writes lines to a pipe, a file or a terminal, many at once while they come fast, and no faster than they are read. Pipes and
 * files get them as they are; on a terminal, what would act upon it stands there as an escape of JSON, which means the same.
 *
 * When whoever reads goes away (`threatbus subscribe … | head -1`), that is an end like any other: `closed` is aborted,
 * and what is written from then on is dropped.
 */
export class LineOutput {
  readonly #stream: Writable & { readonly isTTY?: boolean }
  readonly #closed = new AbortController()
  #lines = ''
  #scheduled: NodeJS.Immediate | undefined

  constructor(stream: Writable & { readonly isTTY?: boolean }) {
    this.#stream = stream
    stream.on('error', error => this.#closed.abort(error))
  }

  /** Aborted when nothing can be written any more; the reason is the stream's error. */
  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** Writes a line, which is JSON but for words at its beginning. Fulfilled when there is room for the next one. */
  async write(line: string): Promise<void> {
    this.#lines += `${this.#stream.isTTY ? printableJson(line) : line}\n`
    if (this.#lines.length >= collected) await this.flush()
    // At the latest, a line is out when the event loop has its turn.
    else this.#scheduled ??= setImmediate(() => this.flush())
  }

  /** Writes what was collected. Fulfilled when the stream has room again. */
  async flush(): Promise<void> {
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    const lines = this.#lines
    this.#lines = ''
    if (lines === '' || this.#closed.signal.aborted || this.#stream.write(lines)) return
    await once(this.#stream, 'drain', { signal: this.#closed.signal }).catch(() => {})
  }

  /** Did whoever reads just go away, as opposed to a disk that is full? */
  get readerLeft(): boolean {
    const { aborted, reason } = this.#closed.signal
    return aborted && (reason as NodeJS.ErrnoException).code === 'EPIPE'
  }
}
