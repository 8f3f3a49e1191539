import { encodeFrames, ownBytes } from './zmtp/frame-reader.ts'
import { Inlet } from './zmtp/inlet.ts'
import { type ListenOptions, type ListenTroubles, ZmtpListener } from './zmtp/listener.ts'
import type { PeerHandler, ZmtpPeer } from './zmtp/peer.ts'
import { frameBytes } from './zmtp/unfinished-frame.ts'

/** What a {@link SubSocket} needs to know. */
export interface SubSocketOptions extends ListenOptions {
  /** Largest frame in bytes; a larger one closes its connection. */
  readonly maxMessageBytes: number
  /** What it subscribes to. */
  readonly prefixes: readonly string[]
}

/** Where a {@link SubSocket} hands what was published. */
export interface Publications {
  /**
   * Takes a message, as its parts: of more than two, the first two. If that takes its time, what else its publisher sent waits
   * for it, and nothing else does.
   */
  take(parts: readonly Buffer[], publisher: ZmtpPeer): Promise<void> | void
  /** Sends on what was taken. While that is pending, no more is taken, and no more is read from each peer than was read already. */
  flush(): Promise<void>
}

/** A message has one part, so of more it is enough to know that there are more. */
const maxParts = 2

/** So many bytes of messages are taken from one publisher before it is another one's turn. */
const turnBytes = 16_384

/**
 * The `sub` endpoint: where applications publish, with ZeroMQ's PUB sockets, to which it is a SUB socket.
 *
 * It is written here for the same reasons as {@link PubSocket}. Who publishes faster than messages are sent on is not read
 * meanwhile: TCP holds it back.
 */
export class SubSocket extends ZmtpListener {
  readonly #prefixes: readonly Buffer[]
  readonly #subscriptions: Buffer
  readonly #inlet: Inlet<readonly Buffer[]>

  constructor(options: SubSocketOptions, { take, flush }: Publications, troubles: ListenTroubles) {
    const { maxMessageBytes } = options
    super({ ...options, socketType: 'SUB', talksTo: ['PUB', 'XPUB'], maxFrameBytes: maxMessageBytes }, troubles, peer =>
      this.#handlerFor(peer),
    )
    this.#prefixes = options.prefixes.map(prefix => Buffer.from(prefix))
    // A subscription is a message: the byte 1, and the prefix.
    const subscriptions = this.#prefixes.map(prefix => encodeFrames([Buffer.concat([Buffer.of(1), prefix])]))
    this.#subscriptions = Buffer.concat(subscriptions)
    const bytesOf = ([part]: readonly Buffer[]) => (part as Buffer).length
    this.#inlet = new Inlet({ take, flush, bytesOf, turnBytes }, error => this.fail(error))
  }

  #handlerFor(peer: ZmtpPeer): PeerHandler {
    let parts: Buffer[] = []
    let heldBytes = 0
    let isKnown = false
    const lane = this.#inlet.laneOf(peer)
    peer.write(this.#subscriptions)
    return {
      get heldBytes() {
        return heldBytes
      },
      frame: (body, more) => {
        const isKept = parts.length < maxParts
        if (isKept) parts.push(more ? ownBytes(body) : body)
        if (more) {
          if (isKept) heldBytes += frameBytes + body.length
          return
        }
        const message = parts
        parts = []
        heldBytes = 0
        // A publisher filters, too, but need not.
        if (!this.#prefixes.some(prefix => startsWith(message[0] as Buffer, prefix))) return
        if (!isKnown) this.known(peer)
        isKnown = true
        lane.put(message)
      },
      command() {},
      drained() {},
      closed() {},
    }
  }
}

function startsWith(bytes: Buffer, prefix: Buffer): boolean {
  for (let at = 0; at < prefix.length; at++) if (bytes[at] !== prefix[at]) return false
  return true
}
