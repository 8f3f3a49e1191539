import { setImmediate as nextTurn } from 'node:timers/promises'
import { splitRoute } from '../protocol/management.ts'
import { encodeFrames, ZmtpError } from './zmtp/frame-reader.ts'
import { Inlet } from './zmtp/inlet.ts'
import { type ListenOptions, type ListenTroubles, ZmtpListener } from './zmtp/listener.ts'
import type { PeerHandler, ZmtpPeer } from './zmtp/peer.ts'

/** What a {@link ManageSocket} needs to know. */
export interface ManageSocketOptions extends ListenOptions {
  /** Largest request in bytes; a larger one closes its connection (PROTOCOL: the one case without a reply). */
  readonly maxMessageBytes: number
  /** Asked when the socket is closed: how long replies on their way may take then. */
  lingerMs(): number
}

/** A management request as it came: the route back to its client, and its parts. */
export interface RawRequest {
  readonly route: readonly Buffer[]
  readonly parts: readonly Buffer[]
}

/** So long requests are answered one after the other before whatever else the broker has to do has its turn, in milliseconds. */
const maxStretchMs = 5

/** What a part of a request counts beside its bytes, so that many empty ones are not free. */
const partBytes = 64

/**
 * The `manage` endpoint, for ZeroMQ's REQ and DEALER sockets. To them it is a ROUTER, not a REP socket: a client that hangs
 * up or sends nonsense costs nobody else an answer (PROTOCOL "Points that were asked about").
 */
export class ManageSocket {
  readonly #options: ManageSocketOptions
  readonly #listener: ZmtpListener
  readonly #answer: (request: RawRequest) => void
  readonly #clients = new WeakMap<RawRequest['route'], ZmtpPeer>()
  readonly #served: Promise<void>
  #requests: RawRequest[] = []
  #close: () => void = () => {}
  #fail: (error: unknown) => void = () => {}

  /** @param answer hears of each request, and answers it by {@link reply}, now or later */
  constructor(options: ManageSocketOptions, answer: (request: RawRequest) => void, troubles: ListenTroubles) {
    this.#options = options
    this.#answer = answer
    this.#served = new Promise((resolve, reject) => {
      this.#close = resolve
      this.#fail = reject
    })
    const inlet = new Inlet(
      () => this.#answerRequests(),
      error => this.#fail(error),
    )
    this.#listener = new ZmtpListener(
      {
        ...options,
        socketType: 'ROUTER',
        talksTo: ['REQ', 'DEALER', 'ROUTER'],
        maxFrameBytes: options.maxMessageBytes,
      },
      troubles,
      peer => this.#handlerFor(peer, inlet),
    )
  }

  /** How many connections there are. */
  get connections(): number {
    return this.#listener.connections
  }

  /** Binds to its host and port, and answers the port. Rejects with the code `EADDRINUSE` while another process has it. */
  bind(): Promise<number> {
    return this.#listener.bind()
  }

  /** Hands over each request until the socket is closed. Rejects if that fails. */
  serve(): Promise<void> {
    return this.#served
  }

  /** Sends a reply to the client behind `route`. A client that has gone, or does not read its replies, loses it. */
  reply(route: readonly Uint8Array[], text: string): void {
    const client = this.#clients.get(route as RawRequest['route'])
    if (client?.hasRoom) client.write(encodeFrames([...(route as RawRequest['route']), Buffer.from(text)]))
  }

  /** Closes the socket; replies on their way get the linger time. */
  close(): void {
    this.#listener.close(this.#options.lingerMs())
    this.#close()
  }

  #handlerFor(peer: ZmtpPeer, inlet: Inlet): PeerHandler {
    let frames: Buffer[] = []
    let bytes = 0
    return {
      frame: (body, more) => {
        frames.push(body)
        bytes += body.length + partBytes
        const { maxMessageBytes } = this.#options
        if (more && bytes > maxMessageBytes) throw new ZmtpError(`a request of more than ${maxMessageBytes} bytes`)
        if (more) return
        const request = splitRoute(frames)
        frames = []
        bytes = 0
        this.#clients.set(request.route, peer)
        this.#requests.push(request)
        inlet.took(peer)
      },
      command() {},
      drained() {},
      closed() {},
    }
  }

  async #answerRequests(): Promise<void> {
    let stretchEndsMs = performance.now() + maxStretchMs
    const requests = this.#requests
    this.#requests = []
    for (const request of requests) {
      this.#answer(request)
      if (performance.now() < stretchEndsMs) continue
      await nextTurn()
      stretchEndsMs = performance.now() + maxStretchMs
    }
  }
}
