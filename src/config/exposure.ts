/*
 * What makes an HTTP server safe to listen somewhere: an address that nobody else reaches, or a token. Without imports, so
 * that the client library has the same rule as the configuration.
 */

/** Addresses that only this machine reaches. */
const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/i

/** Does only this machine reach it? */
export function isLoopback(host: string): boolean {
  return loopback.test(host)
}

/** Characters of a bearer token (RFC 6750), enough of them not to be guessed. */
export const tokenPattern = /^[\w.~+/=-]{16,512}$/
