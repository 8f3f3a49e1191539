import type { Socket } from 'node:net'
import { type BreakReason, type Broken, breakSentences, ZmtpError } from './break-reason.ts'
import { type Frame, FrameReader } from './frame-reader.ts'
import {
  type Command,
  checkGreeting,
  commandFrame,
  greeting,
  greetingBytes,
  isSignature,
  readCommand,
  readyFrame,
  type SocketType,
  socketTypeIn,
} from './handshake.ts'

/** What an endpoint makes of its peers. */
export interface PeerOptions {
  /** What this side is. */
  readonly socketType: SocketType
  /** The socket types of the other side that it talks to. */
  readonly talksTo: readonly SocketType[]
  /** A longer frame closes the connection. */
  readonly maxFrameBytes: number
}

/** What an endpoint does with one peer. */
export interface PeerHandler {
  /**
   * A frame of a message. It is a piece of what was read: whoever keeps it keeps all of that. If it throws a
   * {@link ZmtpError}, the connection is closed.
   */
  frame(body: Buffer, more: boolean): void
  /** A command that is not the connection's own business. */
  command(command: Command): void
  /** Everything that was written has gone, after {@link ZmtpPeer.hasRoom} was false. */
  drained(): void
  /** The connection is no more. */
  closed(): void
}

/** Longest frame before the peer has said what it is: its READY. */
const maxReadyBytes = 4096

/** Bytes of the time to live before a ping's context, and of a context at most (RFC 37 "Connection Heartbeating"). */
const pingTtlBytes = 2
const maxPingContextBytes = 16

const nothing = Buffer.alloc(0)

/** One connection of a peer: the handshake, and then frames in both directions. */
export class ZmtpPeer {
  readonly #socket: Socket
  readonly #options: PeerOptions
  readonly #accept: (peer: ZmtpPeer) => PeerHandler
  readonly #broken: Broken
  #handshakeTimer: NodeJS.Timeout | undefined
  #phase: 'greeting' | 'handshake' | 'ready' | 'closed' = 'greeting'
  #greeting: Buffer = nothing
  readonly #frames: FrameReader
  #handler: PeerHandler | undefined

  /**
   * @param accept is asked once the peer has said what it is
   * @param broken hears why this side ended the connection, if it was for what the peer did, or did not do in time
   */
  constructor(
    socket: Socket,
    options: PeerOptions & { readonly handshakeTimeoutMs: number },
    accept: (peer: ZmtpPeer) => PeerHandler,
    broken: Broken,
  ) {
    this.#socket = socket
    this.#options = options
    this.#accept = accept
    this.#broken = broken
    this.#frames = new FrameReader(maxReadyBytes, frame => this.#take(frame))
    this.#handshakeTimer = setTimeout(() => this.break('handshake_timeout'), options.handshakeTimeoutMs)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('drain', () => this.#handler?.drained())
    // ZeroMQ's sockets end both directions together. One that was left half open would never tell that it is drained.
    socket.on('end', () => this.close())
    // It is followed by 'close'.
    socket.on('error', () => {})
    socket.on('close', () => this.#end())
    socket.write(greeting)
  }

  /** May more be written? If not, the handler is told when. */
  get hasRoom(): boolean {
    const { writableNeedDrain, writableLength } = this.#socket
    // What the system took at once leaves room, although 'drain' is told only in the next turn.
    return this.#isOpen && !(writableNeedDrain && writableLength > 0)
  }

  /** Is it ready, and not about to be closed? To write after an end would destroy what was written before. */
  get #isOpen(): boolean {
    return this.#phase === 'ready' && this.#socket.writable
  }

  /** Bytes that were written and that the system has not taken. */
  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  /**
   * Writes bytes that are whole frames already, perhaps in several pieces. Answers whether the system has taken all of them,
   * and nobody needs them any more.
   */
  write(...pieces: Buffer[]): boolean {
    if (!this.#isOpen) return true
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.uncork()
    return this.#socket.writableLength === 0
  }

  /** Reads nothing until {@link resume}: what the peer sends waits with it. */
  pause(): void {
    this.#socket.pause()
  }

  /** Reads on. */
  resume(): void {
    this.#socket.resume()
  }

  /** Ends the connection once what was written has gone. */
  closeWhenSent(): void {
    this.#socket.destroySoon()
  }

  /** Ends the connection at once. */
  close(): void {
    this.#socket.destroy()
  }

  /** Ends the connection at once, and tells why. */
  break(reason: BreakReason, detail: string = breakSentences[reason]): void {
    this.#broken(reason, detail)
    this.close()
    this.#end()
  }

  #read(chunk: Buffer): void {
    // A socket that was paused still hands over what it holds.
    if (this.#phase === 'closed') return
    try {
      if (this.#phase === 'greeting') this.#readGreeting(chunk)
      else this.#frames.read(chunk)
    } catch (error) {
      if (!(error instanceof ZmtpError)) throw error
      this.break(error.reason, error.message)
    }
  }

  #readGreeting(chunk: Buffer): void {
    this.#greeting = Buffer.concat([this.#greeting, chunk])
    if (this.#greeting.length < greetingBytes && isSignature(this.#greeting)) return
    checkGreeting(this.#greeting)
    const rest = this.#greeting.subarray(greetingBytes)
    // Not an empty piece of what was read: that would keep all of it.
    this.#greeting = nothing
    this.#phase = 'handshake'
    this.#socket.write(readyFrame(this.#options.socketType))
    this.#frames.read(rest)
  }

  #takeReady(frame: Frame): void {
    const { talksTo, maxFrameBytes } = this.#options
    const { name, body } = frame.isCommand ? readCommand(frame.body) : { name: '', body: frame.body }
    if (name !== 'READY') throw new ZmtpError('no_ready')
    const type = socketTypeIn(body)
    if (!talksTo.some(each => each === type)) throw new ZmtpError('socket_type')
    this.#endHandshake('ready')
    this.#frames.allow(maxFrameBytes)
    this.#handler = this.#accept(this)
  }

  #take(frame: Frame): void {
    if (this.#phase === 'handshake') this.#takeReady(frame)
    else if (this.#phase !== 'ready') return
    else if (frame.isCommand) this.#takeCommand(readCommand(frame.body))
    else this.#handler?.frame(frame.body, frame.more)
  }

  #takeCommand(command: Command): void {
    if (command.name === 'PING') this.#answerPing(command.body)
    else this.#handler?.command(command)
  }

  #answerPing(body: Buffer): void {
    const context = body.subarray(pingTtlBytes, pingTtlBytes + maxPingContextBytes)
    // Who does not read its answers gets none.
    if (this.hasRoom) this.write(commandFrame('PONG', context))
  }

  #end(): void {
    if (this.#phase === 'closed') return
    this.#endHandshake('closed')
    this.#handler?.closed()
  }

  #endHandshake(phase: 'ready' | 'closed'): void {
    this.#phase = phase
    clearTimeout(this.#handshakeTimer)
    this.#handshakeTimer = undefined
  }
}
