import type { Reading } from './kind.ts'

/** STIX §3.1, §11.1.1: lower-case letters, digits and underscores, 3 to 250 characters, a letter first. */
const standardName = /^[a-z][a-z0-9_]{2,249}$/

/** Names that no custom property may have: STIX §3.8, and §3.2 for `defanged`, which is for observables only. */
const reservedNames = new Set(['severity', 'username', 'phone_number', 'action', 'defanged'])

/**
 * May a property that the standard doesn't define have this name? Platforms write such as `_key`, `Title` or `@timestamp`,
 * which `lenient` takes. Of `__proto__` some libraries for JSON make something else than a property.
 */
export function isCustomName(name: string, reading: Reading): boolean {
  if (reading === 'strict') return standardName.test(name) && !reservedNames.has(name)
  return name !== '' && name !== '__proto__'
}
