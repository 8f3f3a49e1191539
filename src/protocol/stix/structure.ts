import { has, isAbsent, isObject, type JsonObject, type Kind, type Reading } from './kind.ts'
import { isCustomName } from './property-name.ts'

/** What an object inside of an object is made of. */
export interface Parts {
  /** Its properties. It may have others, as long as their names are those of custom properties. */
  readonly properties: Readonly<Record<string, Kind>>
  /** The properties that it must have. */
  readonly required: readonly string[]
  /** What must hold between its properties. */
  readonly rule?: (object: JsonObject, reading: Reading) => boolean
}

/** The kind of objects that are made of these parts; `expected` says it in words. */
export function structure(expected: string, { properties, required, rule }: Parts): Kind {
  const kinds = new Map(Object.entries(properties))

  function read(value: unknown, reading: Reading): boolean {
    if (!isObject(value)) return false
    for (const name in value) {
      const kind = kinds.get(name)
      if (kind === undefined) {
        if (!isCustomName(name, reading)) return false
        continue
      }
      if (reading === 'lenient' && isAbsent(value[name])) continue
      if (!kind[reading](value[name])) return false
    }
    return required.every(property => has(value, property)) && (rule === undefined || rule(value, reading))
  }

  return { expected, lenient: value => read(value, 'lenient'), strict: value => read(value, 'strict') }
}
