import * as z from 'zod'
import { tokenPattern } from './exposure.ts'

/**
 * What a configuration is made of: the kinds of values and of sections that every program's schema is put together from.
 * Each kind carries the phrase that says what it expects; error messages read it (see problems.ts), so that a mistake is
 * answered with what to write instead.
 */
export const expectations = z.registry<{ expected: string }>()

/** Sections that are open: what they don't know is ignored with a warning, which is the registered sentence. */
export const openSections = z.registry<{ warning: string }>()

/** Values that are secrets: no message quotes what was written. */
export const secrets = z.registry<{ secret: true }>()

/** Values that are durations: programs work with them in milliseconds (see durations.ts). */
export const durations = z.registry<{ duration: true }>()

/** A duration as it is written. The member is never there: it tells the type from that of other numbers. */
export type Seconds = number & { readonly inSeconds?: never }

/**
 * The longest duration of any kind, in seconds (24 days 20 hours): the longest a timer of the process can wait
 * (2³¹ − 1 ms). A longer one would not wait longer, it would fire at once.
 */
export const longestDuration = 2_147_483

/** The shortest duration where 0 makes no sense, in seconds: about what a timer can keep. */
export const shortestDuration = 0.01

/** Gives a schema the phrase that error messages tell of it. */
export function expecting<Schema extends z.ZodType>(expected: string, schema: Schema): Schema {
  expectations.add(schema, { expected })
  return schema
}

/** A TCP port; 0 lets the system pick a free one. */
export function port() {
  return expecting('a port (0–65535)', z.int().min(0).max(65_535))
}

/** A duration in seconds, fractions allowed. */
export function seconds(least = shortestDuration, most = longestDuration) {
  return duration(expecting(`a number of seconds (${least}–${most})`, z.number().min(least).max(most)))
}

/** A duration in whole seconds, for what the operating system takes as such. */
export function wholeSeconds(least: number, most: number) {
  return duration(expecting(`a whole number of seconds (${least}–${most})`, z.int().min(least).max(most)))
}

function duration(schema: z.ZodType<number, number>): z.ZodType<Seconds, number> {
  durations.add(schema, { duration: true })
  return schema
}

/** A size in bytes. */
export function bytes(least: number, most: number) {
  return expecting(`a whole number of bytes (${least}–${most})`, z.int().min(least).max(most))
}

/** A number of things. */
export function count(least: number, most: number) {
  return expecting(`a whole number (${least}–${most})`, z.int().min(least).max(most))
}

/** A switch. */
export function flag() {
  return expecting('true or false', z.boolean())
}

/** One name of a closed list. */
export function oneOf<const Names extends readonly [string, ...string[]]>(names: Names) {
  return expecting(names.length === 1 ? names[0] : `one of ${names.join(', ')}`, z.enum(names))
}

/** One name of a closed list of upper-case names, which may be written in lower case too. */
export function oneOfUpperCase<const Names extends readonly [string, ...string[]]>(names: Names) {
  return z.preprocess(value => (typeof value === 'string' ? value.toUpperCase() : value), oneOf(names))
}

/** A file name: not empty, and without the NUL that no file system takes. */
export function fileName() {
  return expecting(
    'a file name',
    z
      .string()
      .min(1)
      .regex(/^[^\0]*$/),
  )
}

/** Where something listens: a host name or an IP address (an IPv6 address in brackets), and a port. */
export function endpoint() {
  return expecting(
    'host:port or [IPv6 address]:port',
    z.string().regex(/^(?:\[[\da-fA-F:.]+(?:%[\w.-]+)?\]|[\w.-]+):\d{1,5}$/),
  )
}

/** What may be left out, or left empty (`sink:` with nothing behind it, which YAML reads as null). */
export function unlessEmpty<Schema extends z.ZodType>(schema: Schema) {
  return z.preprocess(value => value ?? undefined, schema.optional())
}

/** A secret that is sent in HTTP headers. */
export function token() {
  const schema = expecting('a token (16–512 letters, digits and -._~+/=, in quotes)', z.string().regex(tokenPattern))
  secrets.add(schema, { secret: true })
  return schema
}

/** The address of a machine: a host name, an IPv4 or an IPv6 address, without a port. */
export function host() {
  return expecting('a host name or an IP address', z.string().regex(/^([\w.-]+|(?=.*:.*:)[\da-fA-F:.]+(%[\w.-]+)?)$/))
}

/** Where to listen: like {@link host}, or a network interface (`eth0`), or `*` for every address of the machine. */
export function listenHost() {
  return expecting(
    'a host name, a network interface, an IP address, or "*" (every address of this machine)',
    z.string().regex(/^(\*|[\w.-]+|(?=.*:.*:)[\da-fA-F:.]+(%[\w.-]+)?)$/),
  )
}

/** A section left empty (`queue:` with nothing under it, which YAML reads as null) is one that was left out. */
function emptyIsAbsent(value: unknown): unknown {
  return value ?? {}
}

/** A check across the keys of a section: see {@link section}. */
export interface SectionCheck<Values> {
  /** Is all well? It also sees sections in which single values are wrong, so it must look before it trusts. */
  readonly holds: (values: Partial<Values>) => boolean
  /** What is wrong if not. */
  readonly sentence: (values: Partial<Values>) => string
  /** The key that the problem is told of, or the keys that lead to it. */
  readonly key: (keyof Values & string) | readonly string[]
  /** The other key it involves: named as the place if only that one was written. */
  readonly besides: (keyof Values & string) | readonly string[]
}

/** A section whose keys are all known: an unknown one is an error. Left out or empty, every key has its default. */
export function section<Shape extends z.ZodRawShape>(
  shape: Shape,
  checks: readonly SectionCheck<z.output<z.ZodObject<Shape>>>[] = [],
) {
  let strict = z.strictObject(shape)
  for (const { holds, sentence, key, besides } of checks) {
    strict = strict.refine(values => holds(values), {
      path: [key].flat(),
      params: { besides: [besides].flat(), depth: [key].flat().length },
      error: issue => sentence(issue.input as Partial<z.output<z.ZodObject<Shape>>>),
      // All problems are told at once: a wrong value elsewhere in the section must not keep this one back.
      when: payload => typeof payload.value === 'object' && payload.value !== null,
    })
  }
  return z.preprocess(emptyIsAbsent, expecting('a section (keys with values)', strict)).prefault({})
}

/** A section that may hold what this program doesn't know; that is ignored, with `warning` for each. */
export function openSection<Shape extends z.ZodRawShape>(shape: Shape, warning: string) {
  const open = expecting('a section (keys with values)', z.object(shape))
  openSections.add(open, { warning })
  return z.preprocess(emptyIsAbsent, open).prefault({})
}
