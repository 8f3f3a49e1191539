import type { Batch } from './batch.ts'

/** What is held in memory of a message beside its bytes, and of a request until it is answered: about so much. */
const messageOverheadBytes = 512
const requestOverheadBytes = 2048

/** What a publish request holds in memory until it is answered, in bytes. */
export function heldBytesOf({ bytes, messages }: Batch): number {
  return bytes + messages.length * messageOverheadBytes + requestOverheadBytes
}

/** Who publishes with receipts, as far as he can be held back. */
export interface HeldBack {
  /** Nothing more is read of what he sends. */
  pause(): void
  resume(): void
}

/** What decides how much more may come: the log, and how it is written. */
export interface Written {
  /** Bytes that wait to be written, whoever they are from. */
  readonly unwrittenBytes: number
  /** Does writing fail at present? */
  readonly isFailing: boolean
}

/** What becomes of a request: it may be carried out, or why not. */
export type Decision = 'admitted' | 'failing' | 'crowded_out' | 'closed'

interface Waiting {
  readonly bytes: number
  decide(decision: Decision): void
}

/** What waits of one publisher, in the order in which it came. */
interface Line {
  readonly requests: Waiting[]
  bytes: number
}

/**
 * Lets publish requests in as fast as the disk takes them. As many bytes of them as may be unwritten are inside, from their
 * admission until they are answered; as many again wait outside, where publishers take turns. Who has more than one request
 * there is not read. When there are more than may wait, what came last of one who has most there is refused: who sends
 * much crowds himself out, and nobody else.
 */
export class PublicationAdmission {
  readonly #written: Written
  readonly #maxBytes: number
  #insideBytes = 0
  #outsideBytes = 0
  /** Whose turn is next stands first. */
  readonly #lines = new Map<HeldBack, Line>()
  /** Those who wait, by how many bits it takes to write how many bytes they have there. */
  readonly #bySize: Set<HeldBack>[] = Array.from({ length: 54 }, () => new Set())
  #holdUps = 0
  #isClosed = false

  constructor(written: Written, maxBytes: number) {
    this.#written = written
    this.#maxBytes = maxBytes
  }

  /** How often a request had to wait. */
  get holdUps(): number {
    return this.#holdUps
  }

  /** Bytes of the requests that wait. */
  get waitingBytes(): number {
    return this.#outsideBytes
  }

  /** Fulfilled when it is decided on a request. Who was admitted has to {@link leave}. */
  enter(publisher: HeldBack, bytes: number): Promise<Decision> {
    if (this.#isClosed) return Promise.resolve('closed')
    if (this.#written.isFailing) return Promise.resolve('failing')
    if (this.#lines.size === 0 && this.#hasRoom) {
      this.#insideBytes += bytes
      return Promise.resolve('admitted')
    }
    this.#holdUps++
    return new Promise(decide => {
      this.#queue(publisher, { bytes, decide })
      while (this.#outsideBytes > this.#maxBytes && this.#crowdOut());
    })
  }

  /** A request that was admitted is answered. */
  leave(bytes: number): void {
    this.#insideBytes -= bytes
    this.look()
  }

  /** Lets in whom there is room for. To be called when less is unwritten, or writing has begun to fail. */
  look(): void {
    if (this.#written.isFailing) this.#refuseAll('failing')
    for (const [publisher, line] of this.#lines) {
      if (!this.#hasRoom) return
      const request = this.#remove(publisher, line, line.requests.shift() as Waiting)
      this.#insideBytes += request.bytes
      // Its next one has its turn after those of all others.
      if (this.#lines.delete(publisher) && line.requests.length > 0) this.#lines.set(publisher, line)
      request.decide('admitted')
    }
  }

  /** Refuses whatever waits, and what comes from now on. */
  close(): void {
    this.#isClosed = true
    this.#refuseAll('closed')
  }

  get #hasRoom(): boolean {
    return this.#insideBytes < this.#maxBytes && this.#written.unwrittenBytes < this.#maxBytes
  }

  #queue(publisher: HeldBack, request: Waiting): void {
    const line = this.#lines.get(publisher) ?? { requests: [], bytes: 0 }
    this.#lines.set(publisher, line)
    line.requests.push(request)
    this.#resize(publisher, line, request.bytes)
    if (line.requests.length === 2) publisher.pause()
  }

  /** Something was taken from a line. */
  #remove(publisher: HeldBack, line: Line, request: Waiting): Waiting {
    this.#resize(publisher, line, -request.bytes)
    if (line.requests.length === 1) publisher.resume()
    return request
  }

  #resize(publisher: HeldBack, line: Line, bytes: number): void {
    this.#bySize[bitsOf(line.bytes)]?.delete(publisher)
    line.bytes += bytes
    this.#outsideBytes += bytes
    if (line.requests.length > 0) this.#bySize[bitsOf(line.bytes)]?.add(publisher)
  }

  /** Refuses one request of who has most. False if nobody else waits: then it is bounded that he is not read. */
  #crowdOut(): boolean {
    const [largest] = this.#bySize.findLast(({ size }) => size > 0) ?? []
    const line = largest && this.#lines.get(largest)
    if (largest === undefined || line === undefined || this.#lines.size === 1) return false
    const request = this.#remove(largest, line, line.requests.pop() as Waiting)
    if (line.requests.length === 0) this.#lines.delete(largest)
    request.decide('crowded_out')
    return true
  }

  #refuseAll(decision: Decision): void {
    for (const [publisher, line] of this.#lines) {
      while (line.requests.length > 0) this.#remove(publisher, line, line.requests.pop() as Waiting).decide(decision)
    }
    this.#lines.clear()
  }
}

function bitsOf(bytes: number): number {
  return bytes === 0 ? 0 : Math.floor(Math.log2(bytes)) + 1
}
