/** Where something listens. */
export interface Endpoint {
  /** A name or an address; an IPv6 address is without its brackets here. */
  readonly host: string
  readonly port: number
}

/**
 * Reads `host:port` or `[IPv6 address]:port`; undefined for anything else. A port is 1 to 65535, as a number in
 * decimal digits.
 */
export function readEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([\da-fA-F:.]+(?:%[\w.-]+)?)\]|([\w.-]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = readPort(match?.[3])
  return host === undefined || port === undefined ? undefined : { host, port }
}

/** Reads a port, which replies of the bus give as text or as a number (PROTOCOL "Management"). */
export function readPort(value: unknown): number | undefined {
  const port = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= 65_535 ? port : undefined
}

/** An endpoint as {@link readEndpoint} reads it. */
export function endpointText({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The address under which ZeroMQ finds it. */
export function addressOf(endpoint: Endpoint): string {
  return `tcp://${endpointText(endpoint)}`
}
