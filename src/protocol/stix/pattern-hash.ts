/** How the value of a known hash algorithm looks. */
export interface HashForm {
  /** The form in words, to be read after "expected". */
  readonly words: string
  fits(value: string): boolean
}

function hexadecimal(name: string, ...lengths: readonly number[]): HashForm {
  return {
    words: `a hash by ${name} (${lengths.join(', ')} hexadecimal digits)`,
    // The length comes first: it bounds what the expression has to read.
    fits: value => lengths.includes(value.length) && /^[0-9A-Fa-f]+$/.test(value),
  }
}

/**
 * The algorithms that the original knows, and how their values look: `HASHES_REGEX` of stix2patterns 2.0.0 (patterns)
 * and `_HASH_REGEXES` of stix2 3.0.1 (`hashes` of objects) agree, but for TLSH, which only the latter knows. Two
 * accidents there are not repeated: a line feed after the hash passes, and an MD6 hash may go on after 32 digits. TLSH
 * also comes with its version `T1` before it since version 4 of the algorithm, and in either case. An ssdeep hash is up
 * to 148 characters long (`FUZZY_MAX_RESULT` of its library), which the original doesn't know: it takes 128.
 */
const forms: ReadonlyMap<string, HashForm> = new Map([
  ['MD5', hexadecimal('MD5', 32)],
  ['MD6', hexadecimal('MD6', 32, 40, 56, 64, 96, 128)],
  ['RIPEMD160', hexadecimal('RIPEMD-160', 40)],
  ['SHA1', hexadecimal('SHA-1', 40)],
  ['SHA224', hexadecimal('SHA-224', 56)],
  ['SHA256', hexadecimal('SHA-256', 64)],
  ['SHA384', hexadecimal('SHA-384', 96)],
  ['SHA512', hexadecimal('SHA-512', 128)],
  ['SHA3224', hexadecimal('SHA3-224', 56)],
  ['SHA3256', hexadecimal('SHA3-256', 64)],
  ['SHA3384', hexadecimal('SHA3-384', 96)],
  ['SHA3512', hexadecimal('SHA3-512', 128)],
  ['WHIRLPOOL', hexadecimal('WHIRLPOOL', 128)],
  ['SSDEEP', { words: 'a hash by SSDEEP', fits: value => value.length <= 148 && /^[0-9A-Za-z/+:.]+$/.test(value) }],
  ['TLSH', { words: 'a hash by TLSH', fits: value => value.length <= 72 && /^(?:[Tt]1)?[0-9A-Fa-f]{70}$/.test(value) }],
])

/** The form of an algorithm's values, its name in either case, with or without dashes; none for an unknown algorithm. */
export function hashForm(algorithm: string): HashForm | undefined {
  return forms.get(algorithm.toUpperCase().replaceAll('-', ''))
}

/**
 * Does a value look like a hash by this algorithm (PROTOCOL "What is a valid message")? The name counts in
 * either case, with or without dashes: `SHA-256`, `sha256`. An unknown algorithm takes any value (STIX "Hashing
 * Algorithm Vocabulary" is open).
 */
export function hashFits(algorithm: string, value: string): boolean {
  return hashForm(algorithm)?.fits(value) ?? true
}
