import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkObject, type ValidationMode } from '../../src/protocol/stix/check.ts'
import type { Sample } from './stix-samples.ts'

/** What happens to a body that passes. */
export const accepted = 'accepted'

/** What happens to a body: it is accepted, or the reason for which it is refused. */
export function verdict(body: unknown, mode: ValidationMode): string {
  const result = checkObject(body, mode)
  return 'refused' in result ? result.refused : accepted
}

/** A row: what is sent, as the sentence's subject, then what becomes of it in each mode. */
export type Row = readonly [subject: string, body: unknown, lenient: string, strict: string]

/** One test for each row. */
export function table(title: string, rows: readonly Row[]): void {
  describe(title, () => {
    for (const [subject, body, lenient, strict] of rows) {
      const fate =
        lenient === strict ? `is ${said(lenient)}` : `is ${said(lenient)} in lenient, ${said(strict)} in strict`
      test(`${subject} ${fate}`, () => {
        assert.equal(verdict(body, 'lenient'), lenient)
        assert.equal(verdict(body, 'strict'), strict)
      })
    }
  })
}

function said(fate: string): string {
  return fate === accepted ? fate : `refused as ${fate}`
}

/** Rows of one property: each value with its fates. */
export function values(
  bodyWith: (changes: Sample) => Sample,
  property: string,
  fates: readonly (readonly [value: unknown, lenient: string, strict: string])[],
): readonly Row[] {
  return fates.map(([value, lenient, strict]) => [
    `${property} ${JSON.stringify(value)}`,
    bodyWith({ [property]: value }),
    lenient,
    strict,
  ])
}

/** The most frequent reasons, by short names. */
export const invalid = 'invalid_property'
export const missing = 'missing_property'
export const noPattern = 'invalid_pattern'
