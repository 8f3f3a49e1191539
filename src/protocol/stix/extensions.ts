import { identifierOf } from './identifier.ts'
import { isObject, type Kind } from './kind.ts'

/** STIX §10.7 extension-type-enum. */
const extensionTypes = new Set(['new-sdo', 'new-sco', 'new-sro', 'property-extension', 'toplevel-property-extension'])

const definition = identifierOf('extension-definition')

/** The original looks at the key only if it means to be an identifier. */
function isKeyOfOriginal(key: string): boolean {
  return !key.startsWith('extension-definition--') || definition.lenient(key)
}

/**
 * STIX §3.2 `extensions` of an indicator or a sighting: a dictionary of extension instances. By the standard each of
 * them has an extension's identifier as its key and tells its `extension_type` (§7.3): the predefined extensions
 * (§3.10) and the custom ones (§11.3) are for observables.
 */
export const extensions: Kind = {
  expected: 'an object of extensions by the identifiers of their definitions, each with its extension_type',
  lenient: value =>
    isObject(value) && Object.entries(value).every(([key, instance]) => isKeyOfOriginal(key) && isObject(instance)),
  strict: value =>
    isObject(value) &&
    Object.keys(value).length > 0 &&
    Object.entries(value).every(
      ([key, instance]) =>
        definition.strict(key) &&
        isObject(instance) &&
        typeof instance.extension_type === 'string' &&
        extensionTypes.has(instance.extension_type),
    ),
}
