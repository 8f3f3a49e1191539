import { isIPv4, isIPv6 } from 'node:net'
import { parsePattern } from '../protocol/stix/pattern.ts'
import type { PatternVersion } from '../protocol/stix/pattern-token.ts'
import type {
  Comparison,
  ComparisonExpression,
  Literal,
  ObjectPath,
  ObservationExpression,
} from '../protocol/stix/pattern-tree.ts'
import { quoted } from '../protocol/stix/quoted.ts'
import { type Unconverted, unconverted } from './unconvertible.ts'

/** One thing that a pattern looks for. The first four kinds are VAST's types of IoCs (CONNECTOR "Indicator → VAST"). */
export interface Sought {
  readonly kind: 'ip' | 'ipv6' | 'domain' | 'url' | 'subnet' | 'email' | 'hash'
  /** Never empty, without a NUL or a lone surrogate; of addresses and subnets only their text. */
  readonly value: string
}

/** What a pattern looks for, and what of it can't be asked for. */
export interface Findings {
  /** At least one, each once, in the order of the pattern. */
  readonly sought: readonly Sought[]
  /** The alternatives that are left out, in the order of the pattern. */
  readonly leftOut: readonly Unconverted[]
}

/** Where a pattern looks. `end`: one end of a connection, which is an address or a name. */
type Place = Exclude<Sought['kind'], 'subnet'> | 'end'

/** CONNECTOR "Indicator → VAST", and addresses of mail beyond. */
const placesOfPaths: ReadonlyMap<string, Place> = new Map([
  ['ipv4-addr:value', 'ip'],
  ['ipv6-addr:value', 'ipv6'],
  ['domain-name:value', 'domain'],
  ['url:value', 'url'],
  ['email-addr:value', 'email'],
])

/** What the end of a connection may be, of what VAST can be asked for (STIX §6.12.1 `src_ref`, `dst_ref`). */
const placesOfEnds: ReadonlyMap<string | undefined, Place> = new Map([
  [undefined, 'end'],
  ['ipv4-addr', 'ip'],
  ['ipv6-addr', 'ipv6'],
  ['domain-name', 'domain'],
])

/** What cannot be an argument of a process: NUL ends it (execve), and a lone surrogate has no UTF-8. */
const unsendable = /[\0\p{Cs}]/u

/** STIX §6.8.1: an address that the end of a connection may have, and that VAST is not asked for. */
const macAddress = /^[\da-f]{2}(?:[:-][\da-f]{2}){5}$/i

/**
 * What a pattern looks for: one comparison, or several of which any will do, joined by `OR` inside or outside of the
 * brackets, or as a set with `IN`. Those of them that can be asked for are; a pattern of which none can is refused, with
 * what is wrong with the first.
 */
export function soughtBy(pattern: string, version?: PatternVersion): Findings | Unconverted {
  const tree = parsePattern(pattern, version)
  if (tree.kind === 'error') return unconverted('not_a_pattern', `in column ${tree.column}: ${tree.message}`)
  const sought = new Map<string, Sought>()
  const leftOut: Unconverted[] = []
  for (const alternative of alternativesOf(tree, new Map())) {
    for (const found of 'reason' in alternative ? [alternative] : soughtByComparison(alternative)) {
      if ('reason' in found) leftOut.push(found)
      else sought.set(`${found.kind} ${found.value}`, found)
    }
  }
  return sought.size === 0 ? (leftOut[0] ?? unconverted('empty_value')) : { sought: [...sought.values()], leftOut }
}

/** What the ends of a connection are said to be, by the names of their properties. */
type EndTypes = ReadonlyMap<string, string>

/** A comparison that will do by itself, together with what the ends of a connection are said to be. */
interface Alternative {
  readonly comparison: Comparison
  readonly ends: EndTypes
}

/** The comparisons of which any will do, and why not for whatever else is in the pattern. */
function* alternativesOf(
  tree: ObservationExpression | ComparisonExpression,
  ends: EndTypes,
): Generator<Alternative | Unconverted> {
  switch (tree.kind) {
    case 'observation':
      yield* alternativesOf(tree.comparison, ends)
      return
    case 'observations':
    case 'comparisons':
      if (tree.operator === 'OR') for (const operand of tree.operands) yield* alternativesOf(operand, ends)
      else if (tree.kind === 'comparisons') yield* alternativesOfAll(tree.operands, ends)
      else yield unconverted('not_a_point')
      return
    case 'comparison':
      yield { comparison: tree, ends }
      return
    default:
      yield unconverted('not_a_point')
  }
}

/**
 * An `AND` is two conditions on one event, of which VAST can't be asked. But platforms write one as two: an end of a
 * connection is an address, and its value is this.
 */
function* alternativesOfAll(
  operands: readonly ComparisonExpression[],
  outer: EndTypes,
): Generator<Alternative | Unconverted> {
  const ends = new Map(outer)
  const others: ComparisonExpression[] = []
  for (const operand of operands) {
    const { end, type } = endTypeIn(operand) ?? {}
    if (end === undefined || type === undefined) others.push(operand)
    else if ((ends.get(end) ?? type) === type) ends.set(end, type)
    else return yield unconverted('not_a_point', `one object is to be of two types: ${quoted(end)}`)
  }
  const [only] = others
  if (only === undefined || others.length > 1) yield unconverted('not_a_point')
  else yield* alternativesOf(only, ends)
}

/** What `network-traffic:dst_ref.type = 'ipv4-addr'` says; undefined for anything else. */
function endTypeIn(tree: ComparisonExpression): { readonly end: string; readonly type: string } | undefined {
  if (tree.kind !== 'comparison' || tree.negated || tree.operator !== '=' || tree.value.kind !== 'string')
    return undefined
  const end = endIn(tree.path, 'type')
  return end === undefined ? undefined : { end, type: tree.value.value }
}

/** The end of a connection of which a path names this property. */
function endIn({ type, steps: [end, property, ...more] }: ObjectPath, name: string): string | undefined {
  if (type !== 'network-traffic' || more.length > 0) return undefined
  if (end?.kind !== 'property' || property?.kind !== 'property' || property.name !== name) return undefined
  return end.name === 'src_ref' || end.name === 'dst_ref' ? end.name : undefined
}

function soughtByComparison({ comparison, ends }: Alternative): readonly (Sought | Unconverted)[] {
  const { path, operator, negated } = comparison
  const end = endIn(path, 'value')
  // What is said of another object is a second condition.
  if ([...ends.keys()].some(typed => typed !== end)) return [unconverted('not_a_point')]
  const place = end === undefined ? placeOf(path) : placesOfEnds.get(ends.get(end))
  if (place === undefined) return [unconverted('unsupported_object', `VAST is not asked for ${shownPath(path)}`)]
  const mayBeSubnet = place === 'ip' || place === 'ipv6' || place === 'end'
  if (negated || !(operator === '=' || operator === 'IN' || (operator === 'ISSUBSET' && mayBeSubnet))) {
    const written = negated ? `NOT ${operator}` : operator
    return [unconverted('unsupported_comparison', `VAST is not asked for ${written} of ${shownPath(path)}`)]
  }
  const values: readonly Literal[] = operator === 'IN' ? comparison.value : [comparison.value]
  if (values.length === 0) return [unconverted('empty_value', `the set for ${shownPath(path)} is empty`)]
  return values.flatMap(literal => {
    if (literal.kind !== 'string') return [unconverted('not_a_string', `${shownPath(path)} is compared with no string`)]
    return soughtValues(place, literal.value, operator === 'ISSUBSET')
  })
}

function placeOf({ type, steps: [first, second, ...more] }: ObjectPath): Place | undefined {
  if (first?.kind !== 'property' || more.length > 0) return undefined
  if (second === undefined) return placesOfPaths.get(`${type}:${first.name}`)
  return type === 'file' && first.name === 'hashes' && second.kind === 'property' ? 'hash' : undefined
}

function shownPath({ type, steps }: ObjectPath): string {
  const names = steps.map(step => (step.kind === 'property' ? step.name : step.kind === 'any' ? '*' : step.index))
  return quoted(`${type}:${names.join('.')}`)
}

/** What is asked for to find a value: it, in each of its spellings. */
function soughtValues(place: Place, value: string, isSubnet: boolean): readonly (Sought | Unconverted)[] {
  if (value === '') return [unconverted('empty_value')]
  if (unsendable.test(value)) {
    return [unconverted('unsendable_value', `${quoted(value)} cannot be an argument of a command`)]
  }
  const network = networkOf(value)
  switch (place) {
    case 'ip':
    case 'ipv6': {
      const name = place === 'ip' ? 'IPv4' : 'IPv6'
      if (network?.family === place) return [network.sought]
      return [unconverted('not_an_address', `${quoted(value)} is no ${name} ${isSubnet ? 'subnet' : 'address'}`)]
    }
    case 'domain':
    case 'end':
      if (network !== undefined) return [network.sought]
      if (isSubnet) return [unconverted('not_an_address', `${quoted(value)} is no subnet`)]
      if (place === 'end' && macAddress.test(value)) {
        return [unconverted('unsupported_object', `VAST is not asked for the MAC address ${quoted(value)}`)]
      }
      return spellings('domain', value)
    case 'hash':
      // Hexadecimal digits; ssdeep and the like mean something by their case.
      return /^[\da-f]+$/i.test(value) ? spellings(place, value) : [{ kind: place, value }]
    default:
      return [{ kind: place, value }]
  }
}

/**
 * VAST compares letter by letter; sensors write names as they travelled, mostly in lower case, and digits of hashes in lower
 * case. Case means nothing in the letters of ASCII only (RFC 4343 section 3).
 */
function spellings(kind: Sought['kind'], value: string): readonly Sought[] {
  const lower = value.replace(/[A-Z]+/g, letters => letters.toLowerCase())
  return lower === value ? [{ kind, value }] : [value, lower].map(each => ({ kind, value: each }))
}

/**
 * An address, or a subnet in CIDR notation (STIX §6.2.1 and §6.3.1 `value`, §9.6 ISSUBSET), and its family. The subnet of a
 * single address is that address.
 */
function networkOf(value: string): { readonly family: 'ip' | 'ipv6'; readonly sought: Sought } | undefined {
  const slash = value.indexOf('/')
  const address = slash < 0 ? value : value.slice(0, slash)
  const family = isIPv4(address) ? 'ip' : isPlainIPv6(address) ? 'ipv6' : undefined
  if (family === undefined) return undefined
  const longest = family === 'ip' ? 32 : 128
  const bits = slash < 0 ? `${longest}` : value.slice(slash + 1)
  if (!/^(?:0|[1-9]\d{0,2})$/.test(bits) || Number(bits) > longest) return undefined
  const sought: Sought = Number(bits) === longest ? { kind: family, value: address } : { kind: 'subnet', value }
  return { family, sought }
}

/** `node:net` takes an address with a zone (`fe80::1%eth0`) for one; VAST doesn't, and the zone may be anything. */
function isPlainIPv6(value: string): boolean {
  return isIPv6(value) && !value.includes('%')
}
