import { splitRoute } from '../protocol/management.ts'
import { ZmtpError } from './zmtp/break-reason.ts'
import { encodeFrames, ownBytes } from './zmtp/frame-reader.ts'
import { Inlet } from './zmtp/inlet.ts'
import { type ListenOptions, type ListenTroubles, ZmtpListener } from './zmtp/listener.ts'
import type { PeerHandler, ZmtpPeer } from './zmtp/peer.ts'
import { frameBytes } from './zmtp/unfinished-frame.ts'

/** What a {@link ManageSocket} needs to know. */
export interface ManageSocketOptions extends ListenOptions {
  /** Largest request in bytes; a larger one closes its connection (PROTOCOL "Management", the one case without a reply). */
  readonly maxMessageBytes: number
}

/** A management request as it came: the route back to its client, and its parts. */
export interface RawRequest {
  /** Where its client is, as {@link countedAddress} has it. */
  readonly address: string
  readonly route: readonly Buffer[]
  readonly parts: readonly Buffer[]
}

/**
 * The `manage` endpoint, for ZeroMQ's REQ and DEALER sockets. To them it is a ROUTER, not a REP socket: a client that hangs
 * up or sends nonsense costs nobody else an answer (PROTOCOL "Management").
 */
export class ManageSocket extends ZmtpListener {
  readonly #maxMessageBytes: number
  readonly #clients = new WeakMap<readonly Uint8Array[], ZmtpPeer>()
  readonly #inlet: Inlet<RawRequest>

  /**
   * @param answer hears of each request, and answers it by {@link reply}, now or later. If it takes its time to read it, the
   *   client's next request waits for that, and nothing else does
   */
  constructor(
    options: ManageSocketOptions,
    answer: (request: RawRequest) => Promise<void> | void,
    troubles: ListenTroubles,
  ) {
    const { maxMessageBytes } = options
    super(
      { ...options, socketType: 'ROUTER', talksTo: ['REQ', 'DEALER', 'ROUTER'], maxFrameBytes: maxMessageBytes },
      troubles,
      peer => this.#handlerFor(peer),
    )
    this.#maxMessageBytes = maxMessageBytes
    // Clients take turns request by request.
    const work = { take: answer, flush: async () => {}, bytesOf, turnBytes: 1 }
    this.#inlet = new Inlet(work, error => this.fail(error))
  }

  /** Sends a reply to the client behind `route`. A client that has gone, or does not read its replies, loses it. */
  reply(route: readonly Uint8Array[], text: string): void {
    if (this.reaches(route)) this.clientOf(route).write(encodeFrames([...route, Buffer.from(text)]))
  }

  /** Is the client behind `route` there, and reads its replies? */
  reaches(route: readonly Uint8Array[]): boolean {
    return this.clientOf(route).hasRoom
  }

  /** The client behind the `route` of a request. It may have gone. */
  clientOf(route: readonly Uint8Array[]): ZmtpPeer {
    return this.#clients.get(route) as ZmtpPeer
  }

  #handlerFor(peer: ZmtpPeer): PeerHandler {
    let frames: Buffer[] = []
    let bytes = 0
    const { address } = peer
    const lane = this.#inlet.laneOf(peer)
    return {
      get heldBytes() {
        return bytes
      },
      frame: (body, more) => {
        frames.push(more ? ownBytes(body) : body)
        bytes += body.length + frameBytes
        if (more && bytes > this.#maxMessageBytes) {
          throw new ZmtpError('message_too_long', `a request of more than ${this.#maxMessageBytes} bytes`)
        }
        if (more) return
        const message = frames
        frames = []
        bytes = 0
        if (isProbe(message)) return
        const request = splitRoute(message)
        this.known(peer)
        this.#clients.set(request.route, peer)
        lane.put({ ...request, address })
      },
      command() {},
      drained() {},
      closed() {},
    }
  }
}

function bytesOf({ parts }: RawRequest): number {
  return parts.reduce((sum, { length }) => sum + length + frameBytes, frameBytes)
}

/**
 * Is it what a socket with `ZMQ_PROBE_ROUTER` sends when it has connected, so that a ROUTER learns of it: one empty frame? An
 * empty request has the empty frame of its route before it.
 */
function isProbe(frames: readonly Buffer[]): boolean {
  return frames.length === 1 && frames[0]?.length === 0
}
