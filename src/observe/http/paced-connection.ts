import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** Bytes that the parser of requests is handed in one go. The shortest requests have about 25. */
const pieceBytes = 1024

const nothing = Buffer.alloc(0)

/**
 * A connection whose bytes go to the parser of requests in small pieces, one a turn of the event loop, and none while an answer
 * is outstanding: Node would parse, and ask to be answered, at once whatever a read has brought, and 64 KiB may be thousands
 * of requests. Who sends several (RFC 9112, section 9.3.2) has them answered one after the other.
 */
export class PacedConnection extends Duplex {
  /** Whose it is. */
  readonly address: string
  readonly #socket: Socket
  /** What was read and not handed on. */
  #rest: Buffer = nothing
  #hasEnded = false
  #isWanted = false
  #isHeld = false
  #isScheduled = false

  constructor(socket: Socket) {
    super({ allowHalfOpen: true })
    this.address = socket.remoteAddress ?? ''
    this.#socket = socket
    socket.on('data', bytes => {
      this.#rest = bytes
      socket.pause()
      this.#hand()
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
    if (!isHeld) this.#hand()
  }

  override _read(): void {
    this.#isWanted = true
    this.#hand()
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

  #hand(): void {
    if (this.#isScheduled || !this.#isWanted || this.destroyed) return
    if (this.#rest.length === 0) {
      if (this.#hasEnded) this.push(null)
      else this.#socket.resume()
      return
    }
    if (this.#isHeld) return
    const piece = this.#rest.subarray(0, pieceBytes)
    this.#rest = this.#rest.subarray(pieceBytes)
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#hand()
    })
    this.#isWanted = this.push(piece)
  }
}
