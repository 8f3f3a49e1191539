import { connect, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { ZmtpError } from '../../../src/sockets/zmtp/break-reason.ts'
import { readCommand } from '../../../src/sockets/zmtp/command.ts'
import { FrameReader } from '../../../src/sockets/zmtp/frame-reader.ts'
import type { News } from './news.ts'
import type { Bytes } from './script.ts'

/** So often what is sent at once is cut; the rest follows in one. */
const maxCuts = 40

/** A peer without a library: it sends what it is told, in pieces, and takes apart what it gets. */
export class Peer {
  readonly #socket: Socket
  readonly #news: News
  readonly #pieces: readonly number[]
  #piece = 0
  #unsent: Bytes = ''
  /** The other end's greeting. */
  greeting: Bytes = ''
  readonly commands: { readonly name: Bytes; readonly rest: Bytes }[] = []
  readonly messages: Bytes[][] = []
  /** The other end has closed the connection. */
  isClosed = false

  /**
   * @param greetingLength so long is what the other end says before its first frame; infinite if no frames are to be read
   * @param pieces the lengths of the pieces in which bytes are sent, over and over
   */
  constructor(port: number, greetingLength: number, pieces: readonly number[], news: News) {
    this.#news = news
    this.#pieces = pieces
    this.#socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    let frames: Bytes[] = []
    const reader = new FrameReader(2 ** 31, ({ body, more, isCommand }) => {
      if (isCommand) {
        const { name, body: rest } = readCommand(body)
        this.commands.push({ name, rest: rest.toString('latin1') })
        return
      }
      frames.push(body.toString('latin1'))
      if (more) return
      this.messages.push(frames)
      frames = []
    })
    this.#socket.on('data', (chunk: Buffer) => {
      const missing = Math.min(greetingLength - this.greeting.length, chunk.length)
      this.greeting += chunk.toString('latin1', 0, missing)
      try {
        reader.read(chunk.subarray(missing))
      } catch (error) {
        if (!(error instanceof ZmtpError)) throw error
        this.#socket.destroy()
        this.messages.push([`what is no frame: ${error.message}`])
      }
      news.tell()
    })
    const closed = () => {
      this.isClosed = true
      news.tell()
    }
    this.#socket.on('end', closed)
    this.#socket.on('close', closed)
    // What is sent to a connection that is closed comes back as an error, before the close.
    this.#socket.on('error', () => {})
  }

  /** Fulfilled when it is so, or when the other end has closed the connection; answers whether it is so. */
  async until(what: string, isSo: () => boolean): Promise<boolean> {
    await this.#news.until(what, () => isSo() || this.isClosed)
    return isSo()
  }

  /** What is to be sent next, together with what was said before and not yet {@link send sent}. */
  say(bytes: Bytes): void {
    this.#unsent += bytes
  }

  /** Sends what was said, in pieces. */
  async send(): Promise<void> {
    let rest = this.#unsent
    this.#unsent = ''
    for (let cut = 0; rest !== '' && !this.isClosed; cut++) {
      const length = cut < maxCuts ? this.#pieces[this.#piece++ % this.#pieces.length] : undefined
      this.#socket.write(Buffer.from(rest.slice(0, length), 'latin1'))
      rest = length === undefined ? '' : rest.slice(length)
      // What is written in the same turn may be read at once.
      if (rest !== '') await nextTurn()
    }
  }

  /** Ends its direction of the connection. */
  halfClose(): void {
    this.#socket.end()
  }

  /** Ends the connection as one is that was given up: what is on its way is lost. */
  reset(): void {
    this.#socket.resetAndDestroy()
  }

  /** Ends the connection. */
  close(): void {
    this.#socket.destroy()
  }
}
