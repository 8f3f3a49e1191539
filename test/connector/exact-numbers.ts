import fc from 'fast-check'

/** Texts of JSON numbers (RFC 8259 section 6), mostly such that no double holds. */
export const anyNumber = fc.oneof(
  fc.constantFrom('-0', '-0.0', '9007199254740993', '18446744073709551615', '0.1000000000000000055', '1e400', '1E-400'),
  fc.stringMatching(/^-?[1-9]\d{15,40}$/),
  fc.stringMatching(/^-?(0|[1-9]\d{0,20})\.\d{1,30}$/),
  fc.stringMatching(/^-?(0|[1-9]\d{0,20})(\.\d{1,20})?[eE][+-]?\d{1,3}$/),
)

/** Texts of JSON objects that hold such numbers, at any depth, without whitespace. */
export const anyObject = fc.letrec<{ object: string; value: string }>(tie => ({
  object: fc
    .array(fc.tuple(fc.stringMatching(/^[a-z_]{1,8}$/), tie('value')), { maxLength: 4 })
    .map(members => `{${members.map(([name, value]) => `"${name}":${value}`).join()}}`),
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    anyNumber,
    fc.array(tie('value'), { maxLength: 3 }).map(elements => `[${elements.join()}]`),
    tie('object'),
  ),
})).object
