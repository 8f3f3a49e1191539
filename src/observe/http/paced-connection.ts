import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** Bytes that the parser of requests is handed in one go. The shortest requests have about 25. */
const pieceBytes = 256

/** Pieces that are handed on in one turn of the event loop, over all connections, but for the first of each. */
const piecesPerTurn = 8

const nothing = Buffer.alloc(0)

/** The connections that have a piece to hand on: some in each turn of the event loop, one after the other. */
export class PieceTurns {
  readonly #waiting = new Set<() => void>()
  #next: NodeJS.Immediate | undefined

  /** Calls back when it is one's turn. */
  wait(go: () => void): void {
    this.#waiting.add(go)
    this.#next ??= setImmediate(() => this.#turn())
  }

  #turn(): void {
    const some: (() => void)[] = []
    for (const go of this.#waiting) if (some.push(go) === piecesPerTurn) break
    for (const go of some) {
      this.#waiting.delete(go)
      go()
    }
    this.#next = this.#waiting.size > 0 ? setImmediate(() => this.#turn()) : undefined
  }
}

/**
 * A connection whose bytes go to the parser of requests in small pieces, in turn with others, and none while an answer
 * is outstanding: Node would parse, and ask to be answered, at once whatever a read has brought, and 64 KiB may be thousands
 * of requests. Who sends several (RFC 9112, section 9.3.2) has them answered one after the other.
 */
export class PacedConnection extends Duplex {
  /** Whose it is. */
  readonly address: string
  readonly #socket: Socket
  readonly #turns: PieceTurns
  /** What was read and not handed on. */
  #rest: Buffer = nothing
  #hasEnded = false
  #isWanted = false
  #isHeld = false
  #isWaiting = false
  /** Was it heard before? Who is new is heard at once: it may ask how the program is. */
  #isKnown = false

  constructor(socket: Socket, turns: PieceTurns) {
    super({ allowHalfOpen: true })
    this.address = socket.remoteAddress ?? ''
    this.#socket = socket
    this.#turns = turns
    socket.on('data', bytes => {
      this.#rest = bytes
      socket.pause()
      if (this.#isKnown) this.#wait()
      else this.#hand()
      this.#isKnown = true
    })
    socket.on('end', () => {
      this.#hasEnded = true
      this.#hand()
    })
    socket.on('error', () => this.destroy())
    socket.on('close', () => this.destroy())
  }

  /** Hands nothing on for now, or again what there is. */
  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    if (!isHeld) this.#goOn()
  }

  override _read(): void {
    this.#isWanted = true
    this.#goOn()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.cork()
    for (const [place, { chunk }] of chunks.entries()) {
      this.#socket.write(chunk, place === chunks.length - 1 ? done : undefined)
    }
    this.#socket.uncork()
  }

  override _final(done: () => void): void {
    this.#socket.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#rest = nothing
    this.#socket.destroy()
    done(error)
  }

  #goOn(): void {
    if (this.#rest.length > 0) this.#wait()
    else this.#hand()
  }

  #wait(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    this.#turns.wait(() => {
      this.#isWaiting = false
      this.#hand()
    })
  }

  #hand(): void {
    if (!this.#isWanted || this.destroyed) return
    if (this.#rest.length === 0) {
      if (this.#hasEnded) this.push(null)
      else this.#socket.resume()
      return
    }
    if (this.#isHeld) return
    const piece = this.#rest.subarray(0, pieceBytes)
    this.#rest = this.#rest.subarray(pieceBytes)
    this.#isWanted = this.push(piece)
    if (this.#isWanted) this.#goOn()
  }
}
