import type { JsonObject, Reading } from './kind.ts'
import { isObject } from './kind.ts'

/** STIX §3.1, §11.1.1: lower-case letters, digits and underscores, 3 to 250 characters, a letter first. */
const standardName = /^[a-z][a-z0-9_]{2,249}$/

/** Names that no custom property may have: STIX §3.8, and §3.2 for `defanged`, which is for observables only. */
const reservedNames = new Set(['severity', 'username', 'phone_number', 'action', 'defanged'])

/** May a property that the standard doesn't define have this name? The original asks for a letter a–z first. */
export function isCustomName(name: string, reading: Reading): boolean {
  if (reading === 'strict') return standardName.test(name) && !reservedNames.has(name)
  const first = name.charCodeAt(0)
  return first >= 0x61 && first <= 0x7a
}

/**
 * Does an extension declare that it brings properties of its own to the top level (STIX §7.3)? The original then
 * doesn't look at the names of unknown properties.
 */
export function bringsTopLevelProperties(object: JsonObject): boolean {
  const { extensions } = object
  if (!isObject(extensions)) return false
  return Object.values(extensions).some(
    extension => isObject(extension) && extension.extension_type === 'toplevel-property-extension',
  )
}
