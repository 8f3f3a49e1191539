import type { LoggedBatch } from '../../delivery/batch.ts'
import type { Message } from '../../protocol/message.ts'

/** Bytes that are written at once: encoding them is what holds up everything else, so not more. */
export const maxWriteBytes = 1_048_576

/** Batches that were accepted and are not written, in order. Some of them, the oldest, may be being written. */
export class PendingBatches {
  #batches: LoggedBatch[] = []
  #bytes = 0
  #writing = 0

  get bytes(): number {
    return this.#bytes
  }

  /** The oldest. */
  get first(): LoggedBatch | undefined {
    return this.#batches[0]
  }

  /** Takes a batch, in parts if it is many times what is written at once. */
  add(batch: LoggedBatch): void {
    if (batch.bytes > maxWriteBytes) this.#batches.push(...partsOf(batch))
    else this.#batches.push(batch)
    this.#bytes += batch.bytes
  }

  /** The oldest, as many as are written at once: they stay until they are {@link written}, and are not given up meanwhile. */
  beginWriting(): readonly LoggedBatch[] {
    let bytes = 0
    while (this.#writing < this.#batches.length && bytes < maxWriteBytes) {
      bytes += (this.#batches[this.#writing++] as LoggedBatch).bytes
    }
    return this.#batches.slice(0, this.#writing)
  }

  /** What was being written is. */
  written(): void {
    for (const { bytes } of this.#batches.splice(0, this.#writing)) this.#bytes -= bytes
  }

  /** Nothing is being written any more. */
  endWriting(): void {
    this.#writing = 0
  }

  /** Are any of them being written? */
  get isWriting(): boolean {
    return this.#writing > 0
  }

  /**
   * Gives up the oldest that are not being written, until no more than so many bytes are left, and answers them. The newest
   * stays, however large: what else would show that writing works?
   */
  giveUp(maxBytes: number): readonly LoggedBatch[] {
    let to = this.#writing
    while (this.#bytes > maxBytes && to < this.#batches.length - 1)
      this.#bytes -= (this.#batches[to++] as LoggedBatch).bytes
    return this.#batches.splice(this.#writing, to - this.#writing)
  }
}

/** A batch in parts of a quarter of what is written at once, or of one message that is longer. */
function partsOf({ messages, first, acceptedMs }: LoggedBatch): LoggedBatch[] {
  const parts: LoggedBatch[] = []
  for (let from = 0; from < messages.length; ) {
    let to = from
    let bytes = 0
    do bytes += (messages[to++] as Message).frame.length
    while (to < messages.length && bytes < maxWriteBytes / 4)
    parts.push({ messages: messages.slice(from, to), bytes, first: first + from, acceptedMs })
    from = to
  }
  return parts
}

/** The sequence number that follows these batches. */
export function endOf(batches: readonly LoggedBatch[]): number {
  const last = batches.at(-1)
  return last === undefined ? 0 : last.first + last.messages.length
}

/** How many messages these batches have. */
export function messagesIn(batches: readonly LoggedBatch[]): number {
  return batches.reduce((count, { messages }) => count + messages.length, 0)
}
