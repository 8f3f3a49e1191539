/** The ZeroMQ address of a host and port; an IPv6 address stands in brackets. */
export function addressOf(host: string, port: number): string {
  return host.includes(':') ? `tcp://[${host}]:${port}` : `tcp://${host}:${port}`
}
