import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createListener, isIP, type Server as Listener } from 'node:net'
import type { Duplex } from 'node:stream'
import { answerText, securityHeaders } from './answers.ts'
import { HttpConnections, requestMs } from './connections.ts'
import { Gate, type GateRefusal, gateRefusals } from './gate.ts'
import type { PacedConnection } from './paced-connection.ts'
import type { Route, RoutedRequest } from './route.ts'

/** How the server listens. */
export interface HttpServerSettings {
  readonly host: string
  /** 0 lets the system pick one. */
  readonly port: number
  /** Undefined: none is needed. */
  readonly token: string | undefined
  /** Connections that it has at once. One more takes the place of one that is silent or slow. */
  readonly maxConnections: number
  /** Does the process go on for its sake? Default true. */
  readonly keepsProcess?: boolean
}

/** What the server tells its owner. */
export interface HttpServerEvents {
  /** A request was refused. */
  refused(reason: GateRefusal): void
  /** A connection was closed because there are as many as may be. */
  dropped(): void
  /** A route failed. */
  failed(path: string, error: unknown): void
}

/** Bytes of a request's headers; one with more is answered by 431. */
const maxHeaderBytes = 16_384

/** Bytes of a request's body; one with more, or that does not say how many, is answered by 413. */
const maxBodyBytes = 16_384

/** Connections that the system holds until they are accepted. Beyond, it lets them try again in a second or more. */
const backlog = 511

/** How long an answer may take to be sent, unless it streams. */
const answerMs = 30_000

/** How long answers on their way have when the server closes. */
const closeMs = 250

/**
 * A program's HTTP server: what people and monitoring see of it. It knows nothing of what it shows; routes do.
 *
 * Plain `node:http`: the few routes have fixed paths, and what matters, the bounds of connections and requests, are its
 * options already; a framework would add a parser of bodies that nobody sends.
 */
export class HttpServer {
  readonly #settings: HttpServerSettings
  readonly #events: HttpServerEvents
  readonly #listener: Listener
  /** Understands requests; what listens is the listener. */
  readonly #server: Server
  readonly #connections: HttpConnections
  /** The longest paths first: the first that fits is the one that was meant. */
  #routes: readonly Route[] = []
  #gate: Gate
  #listening: Promise<unknown> = Promise.resolve()

  constructor(settings: HttpServerSettings, events: HttpServerEvents) {
    this.#settings = settings
    this.#events = events
    this.#gate = new Gate(settings)
    this.#connections = new HttpConnections(settings.maxConnections, () => events.dropped())
    // What Node says of how long it keeps a connection; the time itself is the connections'.
    this.#server = createServer({ maxHeaderSize: maxHeaderBytes, keepAliveTimeout: requestMs })
    this.#listener = createListener({ allowHalfOpen: true, noDelay: true }, socket => {
      if (settings.keepsProcess === false) socket.unref()
      const connection = this.#connections.take(socket)
      if (connection !== undefined) this.#server.emit('connection', connection)
    })
    this.#server.on('request', (incoming, response) => this.#serve(incoming, response))
    this.#server.on('upgrade', (incoming, socket, head) => this.#upgrade(incoming, socket, head))
  }

  /** Adds what it answers. */
  add(...routes: readonly Route[]): void {
    this.#routes = [...this.#routes, ...routes].toSorted((a, b) => b.path.length - a.path.length)
  }

  /** Connections that it has at present. */
  get connections(): number {
    return this.#connections.size
  }

  /** Listens, and answers the address. Rejects if it can't. */
  async listen(): Promise<URL> {
    const { host, port } = this.#settings
    const listening = once(this.#listener, 'listening')
    this.#listening = listening.catch(() => {})
    this.#listener.listen({ host, port, backlog })
    await listening
    if (this.#settings.keepsProcess === false) this.#listener.unref()
    // A connection that couldn't be accepted, for want of file descriptors: there will be others.
    this.#listener.on('error', () => {})
    const bound = (this.#listener.address() as AddressInfo).port
    this.#gate = new Gate({ ...this.#settings, port: bound })
    return urlOf(host, bound)
  }

  /** Stops answering: what is on its way has a moment, then every connection is closed. Never rejects. */
  async close(): Promise<void> {
    await this.#listening
    if (!this.#listener.listening) return
    const closed = once(this.#listener, 'close')
    this.#listener.close()
    this.#connections.close()
    const timer = setTimeout(() => this.#connections.destroy(), closeMs)
    await closed
    clearTimeout(timer)
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = connectionOf(incoming)
    this.#connections.asks(connection, Number(incoming.headers['content-length'] ?? 0) > 0)
    response.on('close', () => this.#connections.answered(connection))
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value)
    const request = this.#admit(incoming, response)
    if (request === undefined) return
    const route = this.#routeOf(incoming, request.path, response)
    if (route === undefined) return
    if (route.streams) this.#connections.streams(connection)
    const timer = route.streams ? undefined : setTimeout(() => incoming.socket.destroy(), answerMs)
    response.on('close', () => clearTimeout(timer))
    try {
      await route.answer(request, response)
    } catch (error) {
      this.#events.failed(route.path, error)
      if (response.headersSent) incoming.socket.destroy()
      else answerText(response, 500, 'This could not be answered. The log says why.')
    }
  }

  /** Hands a WebSocket's handshake to the route, or answers why not. */
  #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    const connection = connectionOf(incoming)
    this.#connections.asks(connection, true)
    socket.on('error', () => socket.destroy())
    // Node leaves the answer to a handshake to whoever takes it over.
    const response = new ServerResponse(incoming)
    response.assignSocket(incoming.socket)
    response.shouldKeepAlive = false
    response.on('finish', () => socket.end())
    const request = this.#admit(incoming, response)
    if (request === undefined) return
    const route = this.#routeOf(incoming, request.path, response)
    if (route === undefined) return
    if (route.upgrade === undefined) {
      answerText(response, 426, 'This path does not speak WebSocket.')
      return
    }
    response.detachSocket(incoming.socket)
    this.#connections.streams(connection)
    try {
      route.upgrade(request, socket, head)
    } catch (error) {
      this.#events.failed(route.path, error)
      socket.destroy()
    }
  }

  /** The request, if it passes the gate; else it is answered. */
  #admit(incoming: IncomingMessage, response: ServerResponse): RoutedRequest | undefined {
    const { method = '', headers, url = '' } = incoming
    const at = url.indexOf('?')
    const path = at < 0 ? url : url.slice(0, at)
    const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1))
    const verdict = this.#gate.judge({ method, headers, query })
    if (verdict === 'set_cookie' && path.startsWith('/') && !path.startsWith('//')) {
      query.delete('token')
      const rest = query.size > 0 ? `?${query}` : ''
      response.writeHead(303, { Location: path + rest, 'Set-Cookie': this.#gate.cookie }).end()
    } else if (!path.startsWith('/') || verdict === 'set_cookie') {
      answerText(response, 400, 'The path has to begin with one slash.')
    } else if (verdict !== 'pass') {
      this.#events.refused(verdict)
      const { status, sentence } = gateRefusals[verdict]
      if (status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="threatbus"')
      closeAfter(response)
      answerText(response, status, sentence)
    } else if (headers['transfer-encoding'] || Number(headers['content-length'] ?? 0) > maxBodyBytes) {
      closeAfter(response)
      answerText(response, 413, `A request's body may have ${maxBodyBytes} bytes, and has to say how many.`)
    } else return { incoming, path, query, address: connectionOf(incoming).address }
    return undefined
  }

  /** The route of a path, if there is one that takes this method; else the request is answered. */
  #routeOf({ method }: IncomingMessage, path: string, response: ServerResponse): Route | undefined {
    const found = this.#routes.filter(route => path === route.path || (isTree(route) && path.startsWith(route.path)))
    const [nearest] = found
    if (nearest === undefined) {
      const known = this.#routes.map(route => route.path).toSorted()
      answerText(response, 404, `There is nothing at this path. Known here: ${[...new Set(known)].join(', ')}`)
      return undefined
    }
    const asked = method === 'HEAD' ? 'GET' : method
    const here = found.filter(route => route.path === nearest.path)
    const route = here.find(({ method: taken = 'GET' }) => taken === asked)
    if (route === undefined) {
      response.setHeader('Allow', here.map(({ method: taken = 'GET' }) => taken).join(', '))
      closeAfter(response)
      answerText(response, 405, 'This path does not take that method.')
    }
    return route
  }
}

/** The connection that a request came by: the server's own, which Node takes for one of its sockets. */
function connectionOf({ socket }: IncomingMessage): PacedConnection {
  return socket as Duplex as PacedConnection
}

/** The address of a server, as a browser takes it. */
export function urlOf(host: string, port: number): URL {
  return new URL(`http://${isIP(host) === 6 ? `[${host}]` : host}:${port}/`)
}

/** Does the route answer the paths below its own? */
function isTree({ path }: Route): boolean {
  return path.endsWith('/')
}

/** Of a request that was not understood nobody reads the rest. */
function closeAfter(response: ServerResponse): void {
  response.setHeader('Connection', 'close')
}
