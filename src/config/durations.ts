import type * as z from 'zod'
import { isDuration, keysOf } from './outline.ts'

/** `join_timeout` as `joinTimeout`. */
type CamelCase<Key> = Key extends `${infer First}_${infer Rest}` ? `${First}${Capitalize<CamelCase<Rest>>}` : Key

type IsDuration<Value> = 'inSeconds' extends keyof NonNullable<Value> ? true : false

/** What a configuration says, with its durations in milliseconds: what is written `join_timeout`, in seconds, is `joinTimeoutMs`. */
export type InMs<Written> = Written extends readonly unknown[]
  ? Written
  : Written extends object
    ? {
        [Key in keyof Written as IsDuration<Written[Key]> extends true
          ? `${CamelCase<Key & string>}Ms`
          : Key]: IsDuration<Written[Key]> extends true ? number | Extract<Written[Key], undefined> : InMs<Written[Key]>
      }
    : Written

/** What a program works with, of what `schema` has read. */
export function inMs<Schema extends z.ZodType>(schema: Schema, written: z.output<Schema>): InMs<z.output<Schema>> {
  return converted(schema, written) as InMs<z.output<Schema>>
}

function converted(schema: z.ZodType, written: unknown): unknown {
  const keys = keysOf(schema)
  if (keys === undefined || typeof written !== 'object' || written === null) return written
  return Object.fromEntries(
    Object.entries(written).map(([key, value]) => {
      const below = keys[key]
      if (below === undefined) return [key, value]
      if (isDuration(below) && typeof value === 'number') return [nameInMs(key), value * 1000]
      return [key, converted(below, value)]
    }),
  )
}

function nameInMs(key: string): string {
  return `${key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())}Ms`
}
