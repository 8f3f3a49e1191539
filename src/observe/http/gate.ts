import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** Every reason for which a request is refused before a route sees it: a status and a sentence for whoever asked. */
export const gateRefusals = {
  foreign_host: {
    status: 403,
    sentence:
      'The Host header does not name this server. Ask by the address that it listens on, without a proxy between.',
  },
  cross_site: {
    status: 403,
    sentence: 'The request comes from a page of another site. Open this address by itself.',
  },
  unauthorized: {
    status: 401,
    sentence:
      'The token is missing or wrong: send Authorization: Bearer TOKEN, or open the page with ?token=TOKEN once.',
  },
  not_permitted: {
    status: 403,
    sentence: 'Whatever changes something needs the token, and none is configured here (inspector.token).',
  },
} as const satisfies Record<string, { readonly status: number; readonly sentence: string }>

/** The name of a reason for which the gate refuses. */
export type GateRefusal = keyof typeof gateRefusals

/** The request as the gate sees it. */
export interface Asked {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly query: URLSearchParams
}

/** What becomes of a request: it passes, or is refused; or its token passes from the address into a cookie. */
export type Verdict = 'pass' | 'set_cookie' | GateRefusal

/** What the gate needs to know. */
export interface GateSettings {
  /** The address that the server listens on. */
  readonly host: string
  readonly port: number
  /** Undefined: none is needed. */
  readonly token: string | undefined
}

/**
 * Who may ask. A browser on this machine carries pages of strangers, and they may send requests here: by a name of theirs
 * that they point to this address (DNS rebinding), or across sites. Both show in headers that pages can't forge.
 */
export class Gate {
  readonly #names: ReadonlySet<string>
  readonly #isAnyAddress: boolean
  readonly #port: number
  readonly #token: string | undefined
  /** What a browser keeps instead of the token. It ends with the process. */
  readonly #session = randomBytes(32).toString('base64url')
  readonly #cookieName: string

  constructor({ host, port, token }: GateSettings) {
    this.#names = new Set([bracketed(host.toLowerCase()), 'localhost', '127.0.0.1', '[::1]'])
    this.#isAnyAddress = host === '0.0.0.0' || host === '::'
    this.#port = port
    this.#token = token
    // Cookies of one host know no ports: two programs on one machine must not take each other's.
    this.#cookieName = `threatbus-${port}`
  }

  /** What becomes of a request. */
  judge({ method, headers, query }: Asked): Verdict {
    const bears = this.#bearsToken(headers.authorization)
    // No browser sends this header by itself: whoever has it is no rebound page, by whatever name it came.
    if (!bears && !this.#isOurs(headers.host)) return 'foreign_host'
    if (isCrossSite(headers)) return 'cross_site'
    const isReading = method === 'GET' || method === 'HEAD'
    if (this.#token === undefined) return isReading ? 'pass' : 'not_permitted'
    if (bears || this.#hasCookie(headers.cookie)) return 'pass'
    const asked = query.get('token')
    return isReading && asked !== null && areSame(asked, this.#token) ? 'set_cookie' : 'unauthorized'
  }

  /** The Set-Cookie header for a browser that came with the token. */
  get cookie(): string {
    return `${this.#cookieName}=${this.#session}; Path=/; HttpOnly; SameSite=Strict`
  }

  #bearsToken(authorization: string | undefined): boolean {
    if (this.#token === undefined || authorization === undefined) return false
    const [scheme, token] = authorization.split(' ')
    return scheme?.toLowerCase() === 'bearer' && token !== undefined && areSame(token, this.#token)
  }

  #hasCookie(cookies: string | undefined): boolean {
    const begin = `${this.#cookieName}=`
    return (cookies ?? '')
      .split('; ')
      .some(cookie => cookie.startsWith(begin) && areSame(cookie.slice(begin.length), this.#session))
  }

  #isOurs(host: string | undefined): boolean {
    const [, name, port = '80'] = /^(\[[\da-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/i.exec(host ?? '') ?? []
    if (name === undefined || Number(port) !== this.#port) return false
    if (this.#names.has(name.toLowerCase())) return true
    // Rebinding takes a name; an address is what the browser really connected to.
    return this.#isAnyAddress && isIP(name.replace(/^\[|\]$/g, '')) !== 0
  }
}

/**
 * Does a page of another site ask? `Origin` goes along with whatever scripts send, and with every WebSocket's handshake;
 * `Sec-Fetch-Site` with everything else that a page loads or leads to. Programs that are no browsers send neither.
 */
function isCrossSite({ origin, host, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  if (origin !== undefined && origin !== `http://${host}`) return true
  return site !== undefined && site !== 'same-origin' && site !== 'none'
}

/** Compares in a time that says nothing about where they differ, nor about how long either is. */
function areSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host
}
