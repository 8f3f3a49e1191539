import { has, isObject, type Kind } from './kind.ts'
import { hashFits } from './pattern-hash.ts'
import { string, url } from './scalars.ts'
import { structure } from './structure.ts'

/** STIX §10.9 hash-algorithm-ov: the algorithms that an external reference's hashes may name (§2.5.1). */
const algorithms = ['MD5', 'SHA-1', 'SHA-256', 'SHA-512', 'SHA3-256', 'SHA3-512', 'SSDEEP', 'TLSH']

/** An algorithm's name as the original compares it: in any case, with or without hyphens. */
function folded(algorithm: string): string {
  return algorithm.replaceAll('-', '').toUpperCase()
}

const byName = new Map(algorithms.map(algorithm => [algorithm, algorithm]))
const byFoldedName = new Map(algorithms.map(algorithm => [folded(algorithm), algorithm]))

/** A dictionary, not empty (STIX §2.3), in which each value fits the algorithm that `algorithmOf` finds for its key. */
function areHashes(value: unknown, algorithmOf: (key: string) => string | undefined): boolean {
  if (!isObject(value)) return false
  const hashes = Object.entries(value)
  return (
    hashes.length > 0 &&
    hashes.every(([key, hash]) => {
      const algorithm = algorithmOf(key)
      return algorithm !== undefined && typeof hash === 'string' && hashFits(algorithm, hash)
    })
  )
}

/** STIX §2.7 hashes, as an external reference may have them (§2.5.1). */
const hashes: Kind = {
  expected: `hashes by algorithm (${algorithms.join(', ')})`,
  lenient: value => areHashes(value, key => byFoldedName.get(folded(key))),
  strict: value => areHashes(value, key => byName.get(key)),
}

/** STIX §2.5 external-reference. */
export const externalReference: Kind = structure(
  'an external reference (a source_name, and a description, url or external_id)',
  {
    properties: { source_name: string, description: string, url, hashes, external_id: string },
    required: ['source_name'],
    // STIX §2.5.2
    rule: reference => has(reference, 'description') || has(reference, 'url') || has(reference, 'external_id'),
  },
)
