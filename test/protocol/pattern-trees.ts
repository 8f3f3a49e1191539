import fc from 'fast-check'
import type {
  Comparison,
  ComparisonExpression,
  FloatLiteral,
  IntegerLiteral,
  Literal,
  ObjectPath,
  ObservationExpression,
  OrderableLiteral,
  PathStep,
  Qualifier,
  StringLiteral,
  TextComparison,
} from '../../src/protocol/stix/pattern-tree.ts'

/** A record as the parser makes them: an object like any other. */
function plainRecord<Model>(model: { [Key in keyof Model]: fc.Arbitrary<Model[Key]> }): fc.Arbitrary<Model> {
  return fc.record(model, { noNullPrototype: true })
}

const digits = fc.stringMatching(/^[0-9]{1,12}$/)
const wholeNumber = fc.oneof(fc.bigInt({ min: 0n, max: 10n ** 30n }).map(String), fc.nat().map(String))
const fraction = fc.tuple(fc.option(digits, { nil: '' }), digits).map(([whole, part]) => `${whole}.${part}`)

function signed(number: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(fc.constantFrom('', '-'), number).map(parts => parts.join(''))
}

function between(low: number, high: number): fc.Arbitrary<string> {
  return fc.integer({ min: low, max: high }).map(number => String(number).padStart(2, '0'))
}

/** The text of a timestamp: any day up to the 31st of any month, with leap seconds and long fractions. */
export const timestampText: fc.Arbitrary<string> = fc
  .tuple(
    fc.stringMatching(/^[0-9]{4}$/),
    between(1, 12),
    between(1, 31),
    between(0, 23),
    between(0, 59),
    between(0, 60),
    fc.oneof(
      fc.constant(''),
      digits.map(part => `.${part}`),
    ),
  )
  .map(
    ([year, month, day, hour, minute, second, part]) => `${year}-${month}-${day}T${hour}:${minute}:${second}${part}Z`,
  )

const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z.'\\]{0,12}$/))
const string: fc.Arbitrary<StringLiteral> = text.map(value => ({ kind: 'string', value }))
const integer: fc.Arbitrary<IntegerLiteral> = signed(wholeNumber).map(number => ({ kind: 'integer', text: number }))
const float: fc.Arbitrary<FloatLiteral> = signed(fraction).map(number => ({ kind: 'float', text: number }))

const orderable: fc.Arbitrary<OrderableLiteral> = fc.oneof(
  string,
  integer,
  float,
  timestampText.map((written): OrderableLiteral => ({ kind: 'timestamp', text: written })),
  fc.stringMatching(/^([0-9A-Fa-f]{2}){0,8}$/).map((written): OrderableLiteral => ({ kind: 'hex', text: written })),
  fc
    .uint8Array({ minLength: 1, maxLength: 20 })
    .map((bytes): OrderableLiteral => ({ kind: 'binary', text: Buffer.from(bytes).toString('base64') })),
)
const literal: fc.Arbitrary<Literal> = fc.oneof(
  orderable,
  fc.boolean().map((value): Literal => ({ kind: 'boolean', value })),
)

const objectType = fc
  .oneof(
    fc.constantFrom('file', 'ipv4-addr', 'network-traffic', 'x-usb-device', 't', 'h', 'b', 'and'),
    fc.stringMatching(/^[a-z_][A-Za-z0-9_-]{0,10}$/),
  )
  .filter(type => type !== 'true' && type !== 'false')
const property: fc.Arbitrary<PathStep> = fc
  .oneof(fc.constantFrom('value', 'dst_ref', 'resolves_to_refs', 'ntfs-ext', 'AND', 'true', ''), text)
  .filter(name => name !== 'hashes')
  .map(name => ({ kind: 'property', name }))
const step: fc.Arbitrary<PathStep> = fc.oneof(
  property,
  fc.constant<PathStep>({ kind: 'any' }),
  wholeNumber.map((index): PathStep => ({ kind: 'index', index })),
)
const path: fc.Arbitrary<ObjectPath> = fc
  .tuple(objectType, property, fc.array(step, { maxLength: 4 }))
  .map(([type, first, rest]) => ({ type, steps: [first, ...rest] }))

function comparisonOf<Operator extends Comparison['operator']>(
  paths: fc.Arbitrary<ObjectPath>,
  operators: readonly Operator[],
  values: fc.Arbitrary<Extract<Comparison, { operator: Operator }>['value']>,
): fc.Arbitrary<Comparison> {
  const record = plainRecord({
    kind: fc.constant('comparison'),
    path: paths,
    negated: fc.boolean(),
    operator: fc.constantFrom(...operators),
    value: values,
  })
  return record as fc.Arbitrary<Comparison>
}

/** A path of hashes, and a value that fits, or a pattern of values. */
const hashComparison: fc.Arbitrary<Comparison> = fc
  .constantFrom(['MD5', 32], ['SHA-1', 40], ['sha256', 64], ['SHA3-512', 128], ['x-own', 5] as const)
  .chain(([algorithm, length]) => {
    const steps = ['hashes', algorithm].map((name): PathStep => ({ kind: 'property', name: String(name) }))
    const value = fc
      .array(fc.constantFrom(...'0123456789abcdefABCDEF'), { minLength: Number(length), maxLength: Number(length) })
      .map((hash): StringLiteral => ({ kind: 'string', value: hash.join('') }))
    const hashes = fc.constant<ObjectPath>({ type: 'file', steps })
    return fc.oneof(
      comparisonOf(hashes, ['=', '!='], value),
      comparisonOf(hashes, ['IN'], fc.array(value, { maxLength: 3 })),
      comparisonOf<TextComparison['operator']>(hashes, ['LIKE', 'MATCHES'], string),
    )
  })

const comparison: fc.Arbitrary<Comparison> = fc.oneof(
  comparisonOf(path, ['=', '!='], literal),
  comparisonOf(path, ['<', '<=', '>', '>='], orderable),
  comparisonOf(path, ['IN'], fc.array(literal, { maxLength: 4 })),
  comparisonOf(path, ['LIKE', 'MATCHES', 'ISSUBSET', 'ISSUPERSET'], string),
  hashComparison,
)

const { comparisons } = fc.letrec<{ comparisons: ComparisonExpression }>(tie => ({
  comparisons: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    comparison,
    plainRecord({ kind: fc.constant('existence'), path, negated: fc.boolean() }),
    plainRecord({
      kind: fc.constant('comparisons'),
      operator: fc.constantFrom('AND', 'OR'),
      operands: fc.array(tie('comparisons'), { minLength: 2, maxLength: 4 }),
    }),
  ),
}))

const qualifier: fc.Arbitrary<Qualifier> = fc.oneof(
  plainRecord({ kind: fc.constant('within' as const), seconds: fc.oneof(wholeNumber, fraction) }),
  plainRecord({ kind: fc.constant('repeats' as const), times: wholeNumber }),
  plainRecord({ kind: fc.constant('start-stop' as const), start: timestampText, stop: timestampText }),
)

/** Any tree that is a pattern's, a few levels deep. */
export const { patternTree } = fc.letrec<{ patternTree: ObservationExpression }>(tie => ({
  patternTree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    plainRecord({ kind: fc.constant('observation'), comparison: comparisons }),
    plainRecord({
      kind: fc.constant('qualified'),
      expression: tie('patternTree'),
      qualifiers: fc.array(qualifier, { minLength: 1, maxLength: 4 }),
    }),
    plainRecord({
      kind: fc.constant('observations'),
      operator: fc.constantFrom('AND', 'OR', 'FOLLOWEDBY'),
      operands: fc.array(tie('patternTree'), { minLength: 2, maxLength: 4 }),
    }),
  ),
}))
