import type * as z from 'zod'
import { durations, expectations, openSections, secrets } from './values.ts'

/** What one schema has inside: the one that a default, an optional or a preprocessing step is wrapped around. */
function inner(schema: z.ZodType): z.ZodType | undefined {
  // Zod's public `def` is the one way to look into a schema; what is read of it here is typed as far as it goes.
  const def = schema.def as { type: string; innerType?: z.ZodType; out?: z.ZodType }
  return def.type === 'pipe' ? def.out : def.innerType
}

/** The schema and all that it is wrapped around, outermost first. */
function layers(schema: z.ZodType): z.ZodType[] {
  const found: z.ZodType[] = []
  for (let layer: z.ZodType | undefined = schema; layer !== undefined; layer = inner(layer)) found.push(layer)
  return found
}

/** The keys of a section with their schemas; undefined for what is no section. */
export function keysOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  const innermost = layers(schema).at(-1)
  return innermost?.def.type === 'object' ? (innermost as z.ZodObject<Record<string, z.ZodType>>).shape : undefined
}

/** The warning about what an open section doesn't know; undefined for every other schema. */
export function openWarning(schema: z.ZodType): string | undefined {
  return layers(schema)
    .map(layer => openSections.get(layer)?.warning)
    .find(warning => warning !== undefined)
}

/** What a schema expects, as a phrase; undefined if nobody said. */
export function expectedBy(schema: z.ZodType): string | undefined {
  return layers(schema)
    .map(layer => expectations.get(layer)?.expected)
    .find(expected => expected !== undefined)
}

/** Is what stands there a secret, which no message quotes? */
export function isSecret(schema: z.ZodType): boolean {
  return layers(schema).some(layer => secrets.has(layer))
}

/** Is what stands there a duration, in seconds? */
export function isDuration(schema: z.ZodType): boolean {
  return layers(schema).some(layer => durations.has(layer))
}

/** The schema at `path`; undefined if there is none. */
export function schemaAt(schema: z.ZodType, path: readonly string[]): z.ZodType | undefined {
  let found: z.ZodType | undefined = schema
  for (const key of path) {
    const keys: Readonly<Record<string, z.ZodType>> | undefined = found && keysOf(found)
    found = keys && Object.hasOwn(keys, key) ? keys[key] : undefined
  }
  return found
}

/** The paths of all sections and values of a schema, sections before what is in them. */
export function pathsOf(schema: z.ZodType, above: readonly string[] = []): (readonly string[])[] {
  return Object.entries(keysOf(schema) ?? {}).flatMap(([key, below]) => {
    const path = [...above, key]
    return [path, ...pathsOf(below, path)]
  })
}
