/**
 * The syntax tree of a STIX pattern (STIX §9). Parentheses are not in it: the shape says what belongs together, and
 * a chain `a AND b AND c` is one node with three operands, however long it is. All numbers are kept as written, without
 * a leading `+`: they may exceed what a double can hold.
 */

/** What a whole pattern is: observations, and how they relate to each other in time (STIX "Observation Expressions"). */
export type ObservationExpression = Observation | JoinedObservations | QualifiedObservation

/** `[…]`: what is to be seen at one moment. */
export interface Observation {
  readonly kind: 'observation'
  readonly comparison: ComparisonExpression
}

/** Two or more observations joined by one operator. `AND` binds tighter than `OR`, `OR` tighter than `FOLLOWEDBY`. */
export interface JoinedObservations {
  readonly kind: 'observations'
  readonly operator: 'AND' | 'OR' | 'FOLLOWEDBY'
  readonly operands: readonly ObservationExpression[]
}

/** An observation, or a group of them in parentheses, with the one or more qualifiers that follow it. */
export interface QualifiedObservation {
  readonly kind: 'qualified'
  readonly expression: ObservationExpression
  readonly qualifiers: readonly Qualifier[]
}

/** A limit on when the observations before it have to be made (STIX "Observation Expression Qualifiers"). */
export type Qualifier = Within | Repeats | StartStop

/** `WITHIN n SECONDS`: n is a whole number or a decimal fraction, never negative. */
export interface Within {
  readonly kind: 'within'
  readonly seconds: string
}

/** `REPEATS n TIMES`: n is a whole number, never negative. */
export interface Repeats {
  readonly kind: 'repeats'
  readonly times: string
}

/** `START t'…' STOP t'…'`, in STIX 2.0 `START '…' STOP '…'`: both as in {@link TimestampLiteral}. */
export interface StartStop {
  readonly kind: 'start-stop'
  readonly start: string
  readonly stop: string
}

/** What stands between the brackets of an observation (STIX "Comparison Expressions"). */
export type ComparisonExpression = Comparison | Existence | JoinedComparisons

/** Two or more comparisons joined by one operator. `AND` binds tighter than `OR`. */
export interface JoinedComparisons {
  readonly kind: 'comparisons'
  readonly operator: 'AND' | 'OR'
  readonly operands: readonly ComparisonExpression[]
}

/** `path operator value`, or with `NOT` before the operator: `negated`. Which operator takes which values is typed. */
export type Comparison = EqualityComparison | OrderComparison | SetComparison | TextComparison

/** Compared for equality. `==` and `<>` are read as `=` and `!=`. */
export interface EqualityComparison {
  readonly kind: 'comparison'
  readonly path: ObjectPath
  readonly negated: boolean
  readonly operator: '=' | '!='
  readonly value: Literal
}

/** Compared by order: no booleans. */
export interface OrderComparison {
  readonly kind: 'comparison'
  readonly path: ObjectPath
  readonly negated: boolean
  readonly operator: '<' | '<=' | '>' | '>='
  readonly value: OrderableLiteral
}

/** Looked up in a set, which may be empty or of mixed kinds. */
export interface SetComparison {
  readonly kind: 'comparison'
  readonly path: ObjectPath
  readonly negated: boolean
  readonly operator: 'IN'
  readonly value: readonly Literal[]
}

/**
 * Compared with a string: `LIKE` a pattern with `%` and `_`, `MATCHES` a PCRE, the others an IP range. None of them is
 * looked into here: whoever runs a regular expression from the bus has to run it in linear time.
 */
export interface TextComparison {
  readonly kind: 'comparison'
  readonly path: ObjectPath
  readonly negated: boolean
  readonly operator: 'LIKE' | 'MATCHES' | 'ISSUBSET' | 'ISSUPERSET'
  readonly value: StringLiteral
}

/** `EXISTS path`, or `NOT EXISTS path`. */
export interface Existence {
  readonly kind: 'existence'
  readonly path: ObjectPath
  readonly negated: boolean
}

/** `type:step.step[n]` (STIX "Object Path Syntax"). There is at least one step, and the first is a property. */
export interface ObjectPath {
  readonly type: string
  readonly steps: readonly PathStep[]
}

/**
 * A step into an object: `.name` or `.'any name'`, `[n]`, or `[*]` for any element. A step after a property called
 * `…_ref`, or after an element of `…_refs`, is a step into the object referred to.
 */
export type PathStep =
  | { readonly kind: 'property'; readonly name: string }
  | { readonly kind: 'index'; readonly index: string }
  | { readonly kind: 'any' }

/** A value in a pattern (STIX "Constants"). */
export type Literal = OrderableLiteral | BooleanLiteral

/** Every value but a boolean. */
export type OrderableLiteral =
  | StringLiteral
  | IntegerLiteral
  | FloatLiteral
  | TimestampLiteral
  | HexLiteral
  | BinaryLiteral

/** `'…'`; the value is without its quotes and escapes. */
export interface StringLiteral {
  readonly kind: 'string'
  readonly value: string
}

/** `true` or `false`. */
export interface BooleanLiteral {
  readonly kind: 'boolean'
  readonly value: boolean
}

/** Digits, with `-` before them if negative. */
export interface IntegerLiteral {
  readonly kind: 'integer'
  readonly text: string
}

/** Digits with a point among or before them, with `-` before them if negative; there is no exponent. */
export interface FloatLiteral {
  readonly kind: 'float'
  readonly text: string
}

/** `t'…'`, without the `t` and the quotes: `YYYY-MM-DDThh:mm:ss.fractionZ`. The calendar is not checked: see the lexer. */
export interface TimestampLiteral {
  readonly kind: 'timestamp'
  readonly text: string
}

/** `h'…'`, without the `h` and the quotes: an even number of hexadecimal digits, or none. */
export interface HexLiteral {
  readonly kind: 'hex'
  readonly text: string
}

/** `b'…'`, without the `b` and the quotes: at least one byte in base64 (RFC 4648 §4) with its padding. */
export interface BinaryLiteral {
  readonly kind: 'binary'
  readonly text: string
}

/** Why a text is no pattern, and where. */
export interface PatternError {
  readonly kind: 'error'
  /** `found …, expected …`, in at most 200 characters; what was found is quoted short and escaped. */
  readonly message: string
  /** Where, as an index into the text in UTF-16 units; at most the text's length. */
  readonly offset: number
  /** The line of that place, counted from 1; a line ends with a line feed. */
  readonly line: number
  /** The column of that place in UTF-16 units, counted from 1. */
  readonly column: number
}

/** What became of a text: the pattern it is, or why it is none. Told apart by `kind`. */
export type ParsedPattern = ObservationExpression | PatternError
