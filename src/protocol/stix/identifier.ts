import type { Kind, Reading } from './kind.ts'

/** RFC 4122 §3, §4.1: five groups of hexadecimal digits in either case, of the variant that the RFC describes. */
const uuidOfAnyVersion = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/iy
/** RFC 4122 §4.1.7. */
const nilUuid = '00000000-0000-0000-0000-000000000000'
/** RFC 4122 §4.1.3 and its successor RFC 9562 §4.2: versions 1 to 8, which leaves out the nil UUID. */
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/iy

/** Does the rest of `text`, from `at` on, match? `pattern` is sticky, so that no substring is cut. */
function matchesFrom(text: string, at: number, pattern: RegExp): boolean {
  pattern.lastIndex = at
  return pattern.test(text)
}

/** Longest writing of a UUID that `lenient` looks at, in characters: `urn:uuid:{…}` has 47. */
const longestUuid = 64

/**
 * The other ways to write a UUID that the original reads: without hyphens, in braces, as a URN. Any version, but
 * of the RFC's variant. Meets only what is no UUID by the RFC, so it may be slow.
 */
function readsAsUuid(text: string): boolean {
  if (text.length > longestUuid) return false
  const bare = text
    .replaceAll('urn:', '')
    .replaceAll('uuid:', '')
    .replaceAll(/^[{}]+|[{}]+$/g, '')
  return /^[0-9a-f]{16}[89ab][0-9a-f]{15}$/i.test(bare.replaceAll('-', ''))
}

function isUuidFrom(text: string, at: number, reading: Reading): boolean {
  if (reading === 'strict') return matchesFrom(text, at, uuid)
  return matchesFrom(text, at, uuidOfAnyVersion) || readsAsUuid(text.slice(at))
}

/** Two hyphens part an identifier's type from its UUID (STIX §2.9): where they stand, -1 for nowhere. */
const separator = '--'

function identifier(expected: string, accepts: Readonly<Record<Reading, (type: string) => boolean>>): Kind {
  const read = (value: unknown, reading: Reading) => {
    if (typeof value !== 'string') return false
    const at = value.indexOf(separator)
    return at >= 0 && accepts[reading](value.slice(0, at)) && isUuidFrom(value, at + separator.length, reading)
  }
  return { expected, lenient: value => read(value, 'lenient'), strict: value => read(value, 'strict') }
}

/** STIX §2.9 identifier of an object of one of these types. */
export function identifierOf(...types: readonly string[]): Kind {
  const accepts = types.length === 1 ? (type: string) => type === types[0] : (type: string) => types.includes(type)
  return identifier(`an identifier ${types.join('--… or ')}--… with a UUID`, { lenient: accepts, strict: accepts })
}

/** STIX §6: the cyber-observable objects. */
const observables = new Set([
  'artifact',
  'autonomous-system',
  'directory',
  'domain-name',
  'email-addr',
  'email-message',
  'file',
  'ipv4-addr',
  'ipv6-addr',
  'mac-addr',
  'mutex',
  'network-traffic',
  'process',
  'software',
  'url',
  'user-account',
  'windows-registry-key',
  'x509-certificate',
])
/** STIX §5. */
const relationships = new Set(['relationship', 'sighting'])
/** STIX §7 and §8. */
const metaObjects = new Set(['extension-definition', 'language-content', 'marking-definition', 'bundle'])

/** STIX §3.1: lower-case words with hyphens between them, 3 to 250 characters. */
function isTypeName(type: string): boolean {
  return type.length >= 3 && type.length <= 250 && /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(type)
}

/** A type that nobody knows may be a domain object of some extension. */
const sighted = identifier('an identifier of a domain object, such as indicator--… with a UUID', {
  lenient: type => !relationships.has(type),
  strict: type => !observables.has(type) && !relationships.has(type) && !metaObjects.has(type) && isTypeName(type),
})

/** Names it a type, and with the nil UUID no object? */
function isOfNothing(value: unknown): boolean {
  if (typeof value !== 'string' || !value.endsWith(nilUuid)) return false
  const at = value.indexOf(separator)
  return at === value.length - nilUuid.length - separator.length && !relationships.has(value.slice(0, at))
}

/**
 * STIX §5.2.1 `sighting_of_ref`: a domain object. The original also takes the meta objects; `lenient` observables, too, of
 * which OpenCTI writes sightings, and the nil UUID, by which tools say that they don't know the object.
 */
export const sightedObject: Kind = { ...sighted, lenient: value => sighted.lenient(value) || isOfNothing(value) }
