import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** A request that has passed the gate. */
export interface RoutedRequest {
  /** As Node gave it. A GET has no body; that of another method is not read yet, and short (see server.ts). */
  readonly incoming: IncomingMessage
  /** The path that was asked for, as it was sent: not decoded, beginning with a slash. */
  readonly path: string
  readonly query: URLSearchParams
  /** Where it comes from. */
  readonly address: string
}

/**
 * Something that the HTTP server answers. Whoever asks has passed the gate: it came by a name of this server, from no other
 * site, and with the token if there is one. The response has the security headers already; a route may change them.
 */
export interface Route {
  /** The path that it answers, such as `/status`; with a slash at its end (`/page/`, or `/`) also every path below. */
  readonly path: string
  /**
   * Default GET, which answers HEAD as well. Anything else changes something: the gate lets it pass with the token only,
   * so without one configured it is always refused.
   */
  readonly method?: 'GET' | 'POST'
  /** Does the answer go on for as long as somebody looks (server-sent events)? Then its time is the route's to bound. */
  readonly streams?: true
  /** Answers. What it throws or rejects with is logged and answered by 500. */
  answer(request: RoutedRequest, response: ServerResponse): void | Promise<void>
  /**
   * Takes over the connection of a WebSocket's handshake, and bounds it from then on. Without it, a request to upgrade is
   * refused. The server ends the connection when it closes.
   */
  upgrade?(request: RoutedRequest, socket: Duplex, head: Buffer): void
}
