import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readSince } from '../../src/cli/since.ts'

describe('since when', () => {
  const now = Date.UTC(2026, 10, 24)
  for (const [text, expected] of [
    ['7d', now - 7 * 86_400_000],
    ['12h', now - 12 * 3_600_000],
    ['2026-11-24', now],
    ['2026-11-24T06:30', now + 6.5 * 3_600_000],
    ['2026-11-24 06:30:00.5Z', now + 6.5 * 3_600_000 + 500],
    ['2026-11-24T06:30:00+02:00', now + 4.5 * 3_600_000],
    ['2026-02-30', undefined],
    ['2026-13-01', undefined],
    ['2026-11-24T25:00', undefined],
    ['7', undefined],
    ['-1d', undefined],
    ['', undefined],
  ] as const) {
    test(`${text || 'nothing'} is ${expected ?? 'none'}`, () => assert.equal(readSince(text, now), expected))
  }
})
