import { isIPv6 } from 'node:net'

/**
 * An address as one budget counts it: IPv4 as it is, also where it is written as IPv6 (RFC 4291 section 2.5.5.2), and of
 * IPv6 the network of 64 bits, of which one host has all addresses (RFC 4291 section 2.5.1). What is no address stays as it is.
 */
export function countedAddress(remoteAddress: string): string {
  const [address = ''] = remoteAddress.split('%', 1)
  if (!isIPv6(address)) return remoteAddress
  const groups = groupsOf(address)
  const mapped = groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff
  if (mapped)
    return groups
      .slice(6)
      .flatMap(group => [group >> 8, group & 0xff])
      .join('.')
  const network = groups.slice(0, 4).map(group => group.toString(16))
  return `${new URL(`http://[${network.join(':')}::]`).hostname.slice(1, -1)}/64`
}

/** The eight groups of 16 bits of an IPv6 address. */
function groupsOf(address: string): readonly number[] {
  const hexadecimal = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number)
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  })
  const [before = [], after = []] = hexadecimal.split('::').map(half => half.split(':').filter(group => group !== ''))
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].map(group => Number.parseInt(group, 16))
}
