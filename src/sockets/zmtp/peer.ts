import type { Socket } from 'node:net'
import { countedAddress } from '../remote-address.ts'
import { type BreakReason, type Broken, breakSentences, ZmtpError } from './break-reason.ts'
import { type Command, commandFrame, readCommand } from './command.ts'
import { type Frame, FrameReader, ownBytes } from './frame-reader.ts'
import { opening, versionFor } from './greeting.ts'
import type { PeerAccount, PeerBudget } from './peer-budget.ts'
import type { Phase } from './phase.ts'
import { type Reader, ReadShare, type ReadTurns } from './read-turns.ts'
import { type TakesPings, takesPingsAfter } from './takes-pings.ts'
import { awaitPeer } from './time-to-live.ts'
import type { Role, Version } from './version.ts'

/** What an endpoint makes of its peers. */
export interface PeerOptions extends Role {
  /** A longer frame closes the connection. */
  readonly maxFrameBytes: number
  /** Of a longer frame only so much is kept, and handed over. Default: all of it. */
  readonly keptFrameBytes?: number
}

/** What an endpoint does with one peer. */
export interface PeerHandler {
  /** Memory that the frames of a message take that has not come whole. */
  readonly heldBytes: number
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

/** Bytes of the time to live before a ping's context, and of a context at most (RFC 37 "Connection Heartbeating"). */
const pingTtlBytes = 2
const maxPingContextBytes = 16

/** The unit of a time to live in milliseconds: it is 6,553.5 s at most. */
const pingTtlMs = 100

const nothing = Buffer.alloc(0)

/** What an endpoint decides about all of its peers. */
export interface PeerTerms extends PeerOptions {
  /** How long a peer may take to say what it is. */
  readonly handshakeTimeoutMs: number
  /** What all connections may hold. */
  readonly budget: PeerBudget
}

/** One connection of a peer: how it begins, and then frames in both directions. */
export class ZmtpPeer implements Reader {
  /** Where it comes from (see {@link countedAddress}). */
  readonly address: string
  readonly #socket: Socket
  readonly #options: PeerOptions
  readonly #accept: (peer: ZmtpPeer) => PeerHandler
  readonly #broken: Broken
  readonly #account: PeerAccount
  readonly #turns: ReadTurns
  #handshakeTimer: NodeJS.Timeout | undefined
  #phase: Phase = { name: 'signature', came: nothing }
  #handler: PeerHandler | undefined
  /** How many do not want it to be read at present. */
  #pauses = 0
  /** What was read of it in this turn. */
  readonly #share = new ReadShare()
  /** Ends the wait that the last ping's time to live has begun. */
  #stopAwaiting: (() => void) | undefined

  /**
   * @param accept is asked once the peer has said what it is
   * @param broken hears why this side ended the connection, if it was for what the peer did, or did not do in time
   */
  constructor(socket: Socket, options: PeerTerms, accept: (peer: ZmtpPeer) => PeerHandler, broken: Broken) {
    this.#socket = socket
    this.#options = options
    this.#accept = accept
    this.#broken = broken
    this.address = countedAddress(socket.remoteAddress ?? '')
    this.#account = options.budget.open(this)
    this.#turns = options.budget.turns
    this.#handshakeTimer = setTimeout(() => this.break('handshake_timeout'), options.handshakeTimeoutMs)
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('drain', () => this.#handler?.drained())
    // ZeroMQ's sockets end both directions together. One that was left half open would never tell that it is drained.
    socket.on('end', () => this.close())
    // It is followed by 'close'.
    socket.on('error', () => {})
    socket.on('close', () => this.#end())
    socket.write(opening)
  }

  /** May more be written? If not, the handler is told when. */
  get hasRoom(): boolean {
    const { writableNeedDrain, writableLength } = this.#socket
    // What the system took at once leaves room, although 'drain' is told only in the next turn.
    return this.#isOpen && !(writableNeedDrain && writableLength > 0)
  }

  /** May the peer be sent PINGs? */
  get takesPings(): TakesPings {
    return this.#phase.name === 'ready' ? this.#phase.takesPings : 'never'
  }

  /** Is it ready, and not about to be closed? To write after an end would destroy what was written before. */
  get #isOpen(): boolean {
    return this.#phase.name === 'ready' && this.#socket.writable
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

  /** Reads nothing until {@link resume}: what the peer sends waits with it. Who pauses it twice resumes it twice. */
  pause(): void {
    this.#pauses++
    this.#socket.pause()
  }

  /** Is it read at present? */
  get isRead(): boolean {
    return this.#pauses === 0 && !this.#turns.awaits(this)
  }

  /** Reads on, unless another one has paused it. */
  resume(): void {
    if (--this.#pauses > 0) return
    this.#account.restart(performance.now())
    if (!this.#turns.awaits(this)) this.#socket.resume()
  }

  /** So much more, or less, is held in prefixes that the peer gave. */
  holdPrefixes(change: number): void {
    if (change !== 0) this.#account.prefixes(change)
  }

  /** Ends the connection once what was written has gone. */
  closeWhenSent(): void {
    this.#socket.destroySoon()
  }

  /** Ends the connection at once. */
  close(): void {
    this.#socket.destroy()
  }

  /** Its two ends. */
  get ends(): { readonly localPort: number; readonly remoteAddress: string; readonly remotePort: number } {
    const { localPort = 0, remoteAddress = '', remotePort = 0 } = this.#socket
    return { localPort, remoteAddress, remotePort }
  }

  /** Ends the connection at once, and tells why. */
  break(reason: BreakReason, detail: string = breakSentences[reason]): void {
    if (this.#phase.name === 'closed') return
    this.#broken(reason, detail)
    this.close()
    this.#end()
  }

  #read(chunk: Buffer): void {
    const phase = this.#phase
    this.#heardOf()
    try {
      if (phase.name === 'signature') this.#readSignature(Buffer.concat([phase.came, chunk]))
      else if (phase.name === 'greeting') this.#readGreeting(phase.version, Buffer.concat([phase.came, chunk]))
      // A socket that was paused still hands over what it holds.
      else if (phase.name !== 'closed') phase.frames.read(chunk)
    } catch (error) {
      if (!(error instanceof ZmtpError)) throw error
      this.break(error.reason, error.message)
    }
    this.#countHeld(chunk.length)
    if (this.#turns.took(this, this.#share, chunk.length)) this.#socket.pause()
  }

  readOn(): void {
    if (this.#pauses === 0) this.#socket.resume()
  }

  #countHeld(came: number): void {
    const phase = this.#phase
    if (!('frames' in phase)) return
    const held = phase.frames.heldBytes + (this.#handler?.heldBytes ?? 0)
    if (held > 0 || this.#account.unfinishedBytes > 0) this.#account.unfinished(held, came, phase.frames.hasEnded)
  }

  #readSignature(came: Buffer): void {
    const version = versionFor(came)
    if (version === undefined) {
      this.#phase = { name: 'signature', came: ownBytes(came) }
      return
    }
    this.#socket.write(version.greetingRest(this.#options))
    this.#readGreeting(version, came)
  }

  #readGreeting(version: Version, came: Buffer): void {
    if (came.length < version.greetingBytes) {
      this.#phase = { name: 'greeting', version, came: ownBytes(came) }
      return
    }
    const handshake = version.handshakeAfter(came, this.#options)
    const frames = new FrameReader(handshake.maxFrameBytes, frame => this.#take(frame))
    const greeting = ownBytes(came.subarray(0, version.greetingBytes))
    this.#phase = { name: 'handshake', version, handshake, frames, greeting }
    this.#socket.write(handshake.frame)
    frames.read(came.subarray(version.greetingBytes))
  }

  #take(frame: Frame): void {
    const phase = this.#phase
    if (phase.name === 'ready') this.#takeTraffic(phase.version, frame)
    else if (phase.name === 'handshake') {
      const takesPings = takesPingsAfter(phase.greeting, phase.version, phase.handshake.take(frame))
      this.#stopHandshakeTimer()
      phase.frames.allow(this.#options.maxFrameBytes, this.#options.keptFrameBytes)
      this.#phase = { name: 'ready', version: phase.version, frames: phase.frames, takesPings }
      this.#handler = this.#accept(this)
    }
  }

  #takeTraffic({ hasCommands }: Version, frame: Frame): void {
    this.#heardOf()
    if (!frame.isCommand) this.#handler?.frame(frame.body, frame.more)
    // To a version without commands that flag means nothing yet. libzmq passes over such a frame, too.
    else if (hasCommands) this.#takeCommand(readCommand(frame.body))
  }

  #takeCommand(command: Command): void {
    if (command.name === 'PING') this.#takePing(command.body)
    else this.#handler?.command(command)
  }

  #takePing(body: Buffer): void {
    const ttl = body.length < pingTtlBytes ? 0 : body.readUInt16BE()
    if (ttl > 0) {
      this.#stopAwaiting = awaitPeer(ttl * pingTtlMs, {
        isRead: () => this.isRead,
        expired: () => this.break('expired'),
      })
    }
    const context = body.subarray(pingTtlBytes, pingTtlBytes + maxPingContextBytes)
    // Who does not read its answers gets none.
    if (this.hasRoom) this.write(commandFrame('PONG', context))
  }

  /**
   * Whatever comes from a peer is a sign of life, which its last ping's time to live waited for; the next ping may begin another
   * wait. So does libzmq: who pings once, and then speaks, may be silent again.
   */
  #heardOf(): void {
    this.#stopAwaiting?.()
    this.#stopAwaiting = undefined
  }

  #end(): void {
    if (this.#phase.name === 'closed') return
    if ('frames' in this.#phase) this.#phase.frames.close()
    this.#phase = { name: 'closed' }
    this.#stopHandshakeTimer()
    this.#stopAwaiting?.()
    this.#account.close()
    this.#turns.forget(this)
    this.#handler?.closed()
  }

  #stopHandshakeTimer(): void {
    clearTimeout(this.#handshakeTimer)
    this.#handshakeTimer = undefined
  }
}
