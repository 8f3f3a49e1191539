import { isIPv4, isIPv6 } from 'node:net'
import { parsePattern } from '../protocol/stix/pattern.ts'
import type {
  Comparison,
  ComparisonExpression,
  Literal,
  ObjectPath,
  ObservationExpression,
} from '../protocol/stix/pattern-tree.ts'
import { quoted } from '../protocol/stix/quoted.ts'
import { type Unconverted, unconverted } from './unconvertible.ts'

/** One thing that a pattern looks for. The first four kinds are VAST's types of IoCs (VAST.md "Indicator → VAST"). */
export interface Sought {
  readonly kind: 'ip' | 'ipv6' | 'domain' | 'url' | 'subnet' | 'email' | 'hash'
  /** As the pattern has it. Never empty, without a NUL or a lone surrogate; of addresses and subnets only their text. */
  readonly value: string
}

/** VAST.md "Indicator → VAST", and addresses of mail beyond. */
const kindsOfPaths: ReadonlyMap<string, Sought['kind']> = new Map([
  ['ipv4-addr:value', 'ip'],
  ['ipv6-addr:value', 'ipv6'],
  ['domain-name:value', 'domain'],
  ['url:value', 'url'],
  ['email-addr:value', 'email'],
])

/** What cannot be an argument of a process: NUL ends it (execve), and a lone surrogate has no UTF-8. */
const unsendable = /[\0\p{Cs}]/u

/**
 * What a pattern looks for: one comparison, or several of which any will do, joined by `OR` inside or outside of the
 * brackets, or as a set with `IN`. All or nothing: if one of them is not supported, so is the pattern. Each is there
 * once, in the order of the pattern, and there is at least one.
 */
export function soughtBy(pattern: string): readonly Sought[] | Unconverted {
  const tree = parsePattern(pattern)
  if (tree.kind === 'error') return unconverted('not_a_pattern', `in column ${tree.column}: ${tree.message}`)
  const found = new Map<string, Sought>()
  for (const comparison of alternativesOf(tree)) {
    if (comparison === undefined) return unconverted('not_a_point')
    const sought = soughtByComparison(comparison)
    if ('reason' in sought) return sought
    for (const one of sought) found.set(`${one.kind} ${one.value}`, one)
  }
  return [...found.values()]
}

/** The comparisons of which any will do; undefined for whatever else is in the pattern. */
function* alternativesOf(tree: ObservationExpression | ComparisonExpression): Generator<Comparison | undefined> {
  switch (tree.kind) {
    case 'observation':
      yield* alternativesOf(tree.comparison)
      return
    case 'observations':
    case 'comparisons':
      if (tree.operator !== 'OR') yield undefined
      else for (const operand of tree.operands) yield* alternativesOf(operand)
      return
    case 'comparison':
      yield tree
      return
    default:
      yield undefined
  }
}

function soughtByComparison(comparison: Comparison): readonly Sought[] | Unconverted {
  const { path, operator, negated } = comparison
  const kind = kindOf(path)
  if (kind === undefined) return unconverted('unsupported_object', `VAST is not asked for ${shownPath(path)}`)
  const isAddress = kind === 'ip' || kind === 'ipv6'
  if (negated || !(operator === '=' || operator === 'IN' || (operator === 'ISSUBSET' && isAddress))) {
    const written = negated ? `NOT ${operator}` : operator
    return unconverted('unsupported_comparison', `VAST is not asked for ${written} of ${shownPath(path)}`)
  }
  const values: readonly Literal[] = operator === 'IN' ? comparison.value : [comparison.value]
  if (values.length === 0) return unconverted('empty_value', `the set for ${shownPath(path)} is empty`)
  const found: Sought[] = []
  for (const literal of values) {
    if (literal.kind !== 'string') return unconverted('not_a_string', `${shownPath(path)} is compared with no string`)
    const sought =
      operator === 'ISSUBSET' && isAddress ? soughtSubnet(kind, literal.value) : soughtValue(kind, literal.value)
    if ('reason' in sought) return sought
    found.push(sought)
  }
  return found
}

function kindOf({ type, steps }: ObjectPath): Sought['kind'] | undefined {
  const [first, second, ...more] = steps
  if (first?.kind !== 'property' || more.length > 0) return undefined
  if (second === undefined) return kindsOfPaths.get(`${type}:${first.name}`)
  return type === 'file' && first.name === 'hashes' && second.kind === 'property' ? 'hash' : undefined
}

function shownPath({ type, steps }: ObjectPath): string {
  const names = steps.map(step => (step.kind === 'property' ? step.name : step.kind === 'any' ? '*' : step.index))
  return quoted(`${type}:${names.join('.')}`)
}

function soughtValue(kind: Sought['kind'], value: string): Sought | Unconverted {
  if (value === '') return unconverted('empty_value')
  if (unsendable.test(value))
    return unconverted('unsendable_value', `${quoted(value)} cannot be an argument of a command`)
  if (kind === 'ip' && !isIPv4(value)) return unconverted('not_an_address', `${quoted(value)} is no IPv4 address`)
  if (kind === 'ipv6' && !isPlainIPv6(value))
    return unconverted('not_an_address', `${quoted(value)} is no IPv6 address`)
  return { kind, value }
}

/** `node:net` takes an address with a zone (`fe80::1%eth0`) for one; VAST doesn't, and the zone may be anything. */
function isPlainIPv6(value: string): boolean {
  return isIPv6(value) && !value.includes('%')
}

/** STIX §9.6 ISSUBSET: a subnet in CIDR notation, or an address, which is the subnet of itself alone. */
function soughtSubnet(kind: 'ip' | 'ipv6', value: string): Sought | Unconverted {
  const slash = value.indexOf('/')
  if (slash < 0) return soughtValue(kind, value)
  const address = value.slice(0, slash)
  const bits = value.slice(slash + 1)
  const fits = kind === 'ip' ? isIPv4(address) : isPlainIPv6(address)
  if (fits && /^(?:0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (kind === 'ip' ? 32 : 128)) {
    return { kind: 'subnet', value }
  }
  return unconverted('not_an_address', `${quoted(value)} is no ${kind === 'ip' ? 'IPv4' : 'IPv6'} subnet`)
}
