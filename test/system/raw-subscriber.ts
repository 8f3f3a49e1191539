import { connect, type Socket } from 'node:net'
import { type Command, readCommand } from '../../src/sockets/zmtp/command.ts'
import { encodeFrames, FrameReader } from '../../src/sockets/zmtp/frame-reader.ts'
import { commandOf, greetingOf, readyOf } from '../sockets/broker-endpoint.ts'

const maxFrameBytes = 1_000_000
/** What of a PING comes before its context. */
const ttlBytes = 2

/** A subscriber without a library: it greets as libzmq does, reads when it is told to, and answers PINGs when it is told to. */
export class RawSubscriber {
  /** The messages that arrived. */
  readonly frames: string[] = []
  readonly #socket: Socket
  #open: Command | undefined
  #isClosed = false
  #heard = () => {}

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.#isClosed = true
      this.#heard()
    })
    let greeting = greetingOf().length
    const frames = new FrameReader(maxFrameBytes, ({ body, isCommand }) => {
      const command = isCommand ? readCommand(body) : undefined
      if (command?.name === 'PING') this.#open = command
      else if (command === undefined) this.frames.push(String(body))
      this.#heard()
    })
    this.#socket.on('data', (chunk: Buffer) => {
      const skipped = Math.min(greeting, chunk.length)
      greeting -= skipped
      frames.read(chunk.subarray(skipped))
    })
    const libzmq = greetingOf()
    // Of an identity libzmq writes the length, and it speaks ZMTP 3.1.
    Object.assign(libzmq, { 8: 1, 11: 1 })
    this.#socket.write(Buffer.concat([libzmq, readyOf('SUB')]))
  }

  /** Subscribes to these prefixes, and to nothing any more; in one piece. */
  write(...subscriptions: readonly { readonly to?: string; readonly end?: string }[]): void {
    const frames = subscriptions.map(({ to, end }) =>
      encodeFrames([Buffer.from(end === undefined ? `\x01${to}` : `\0${end}`)]),
    )
    this.#socket.write(Buffer.concat(frames))
  }

  /** Fulfilled once a PING came that was not answered: what was subscribed to before it is. */
  async asked(): Promise<void> {
    while (this.#open === undefined) await this.#next()
  }

  /** Answers the PING that came last. */
  async answer(): Promise<void> {
    await this.asked()
    this.#socket.write(commandOf('PONG', this.#open?.body.toString('latin1', ttlBytes) ?? ''))
    this.#open = undefined
  }

  /** Fulfilled when so many messages have arrived. */
  async received(count: number): Promise<readonly string[]> {
    while (this.frames.length < count) await this.#next()
    return this.frames
  }

  /** Fulfilled when it is closed, by whomever. */
  async closed(): Promise<void> {
    while (!this.#isClosed) await this.#next()
  }

  close(): void {
    this.#socket.destroy()
  }

  #next(): Promise<void> {
    return new Promise(resolve => {
      this.#heard = resolve
    })
  }
}
