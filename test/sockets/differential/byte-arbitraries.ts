import fc from 'fast-check'
import type { Bytes } from './script.ts'

/** Any byte. */
export const byte = fc.nat(255)
/** Any bytes. */
export const latin1 = (constraints: { minLength?: number; maxLength: number }): fc.Arbitrary<Bytes> =>
  fc.uint8Array({ ...constraints, size: 'max' }).map(bytes => Buffer.from(bytes).toString('latin1'))

/** Mostly the one, sometimes the other. */
export const mostly = <Value>(usual: fc.Arbitrary<Value> | Value, odd: fc.Arbitrary<Value>, weight = 9) =>
  fc.oneof(
    { weight, arbitrary: usual instanceof fc.Arbitrary ? usual : fc.constant(usual) },
    { weight: 1, arbitrary: odd },
  )

/** The bits of a frame's flags that mean nothing. */
export const reserved = mostly(
  0,
  byte.map(bits => bits & 0xf8),
  19,
)
/** Is a length written in eight bytes though one would do? */
export const isLong = mostly(false, fc.constant(true))
