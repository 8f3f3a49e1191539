import type { Kind } from './kind.ts'

const zero = 0x30
const nine = 0x39
const hyphen = 0x2d
const colon = 0x3a
const point = 0x2e
const upperT = 0x54
const upperZ = 0x5a
/** A lower-case ASCII letter is its upper-case letter with this bit set. */
const lowerCaseBit = 0x20

/** Where the letter between date and time stands: `2024-01-26T21:28:21.013288Z`. */
const separatorAt = 10
/** Where the point before a fraction of a second stands. */
const pointAt = 19
/** Shortest timestamp, one without a fraction, in characters. */
const shortest = pointAt + 1
/** Digits of a fraction of a second down to microseconds. */
const microsecondDigits = 6
/** Fewest digits in the fraction of `created` and `modified` (STIX §3.2): milliseconds. */
const millisecondDigits = 3

const daysInMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** The last day of a month of the Gregorian calendar; 0 for a month that isn't one. */
function lastDay(year: number, month: number): number {
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  return leap ? 29 : (daysInMonth[month - 1] ?? 0)
}

/** The number in the two digits at `at`; NaN unless both are digits. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at)
  const ones = text.charCodeAt(at + 1)
  return tens >= zero && tens <= nine && ones >= zero && ones <= nine ? (tens - zero) * 10 + ones - zero : Number.NaN
}

/** How many digits the fraction of a timestamp of this length has; -1 for no fraction, not even a point. */
function fractionDigits(length: number): number {
  return length - shortest - 1
}

/** Do a point and digits, or nothing at all, stand between the seconds and the last character? */
function hasFractionOrNone(text: string): boolean {
  const digits = fractionDigits(text.length)
  if (digits < 0) return true
  if (digits === 0 || text.charCodeAt(pointAt) !== point) return false
  for (let index = pointAt + 1; index <= pointAt + digits; index++) {
    const code = text.charCodeAt(index)
    if (code < zero || code > nine) return false
  }
  return true
}

/**
 * Is it a point in time as RFC 3339 §5.6 writes it, in UTC: `2024-01-26T21:28:21.013288Z`? T and Z in either case, a
 * real date of the years 1 to 9999, and any number of digits after the point (STIX §2.16.1): .NET writes seven, Go nine.
 * No leap second: the applications' libraries cannot read one. What is no timestamp costs little, whatever its length.
 */
export function isTimestamp(value: unknown): value is string {
  if (typeof value !== 'string') return false
  if (value.length < shortest) return false
  const year = twoDigits(value, 0) * 100 + twoDigits(value, 2)
  const month = twoDigits(value, 5)
  const day = twoDigits(value, 8)
  // comparisons with NaN are false, so each of these also asks for digits
  return (
    year >= 1 &&
    value.charCodeAt(4) === hyphen &&
    month >= 1 &&
    month <= 12 &&
    value.charCodeAt(7) === hyphen &&
    day >= 1 &&
    day <= lastDay(year, month) &&
    (value.charCodeAt(separatorAt) & ~lowerCaseBit) === upperT &&
    twoDigits(value, 11) < 24 &&
    value.charCodeAt(13) === colon &&
    twoDigits(value, 14) < 60 &&
    value.charCodeAt(16) === colon &&
    twoDigits(value, 17) < 60 &&
    hasFractionOrNone(value) &&
    (value.charCodeAt(value.length - 1) & ~lowerCaseBit) === upperZ
  )
}

/** STIX §2.16.1 writes T and Z as upper-case letters. */
function isInStandardForm(value: unknown): value is string {
  return isTimestamp(value) && value.charCodeAt(separatorAt) === upperT && value.charCodeAt(value.length - 1) === upperZ
}

/** STIX §2.16 timestamp. */
export const timestamp: Kind = {
  expected: 'a timestamp in UTC such as 2024-01-26T21:28:21.013Z',
  lenient: isTimestamp,
  strict: isInStandardForm,
}

/** STIX §3.2 `created` and `modified`: precise to the millisecond or better. */
export const preciseTimestamp: Kind = {
  expected: 'a timestamp in UTC with milliseconds such as 2024-01-26T21:28:21.013Z',
  lenient: isTimestamp,
  strict: value => isInStandardForm(value) && fractionDigits(value.length) >= millisecondDigits,
}

/** The digit at `at` of a timestamp's fraction; beyond its last digit there are only zeros. */
function fractionDigit(timestamp: string, at: number): number {
  return at < timestamp.length - 1 ? timestamp.charCodeAt(at) : zero
}

/**
 * Which of two timestamps is the earlier, to their last digits: negative when `left` is, positive when `right` is, 0 when
 * they are equal. Both must be timestamps.
 */
export function compareTimestamps(left: string, right: string): number {
  for (let index = 0; index < pointAt; index++) {
    // the T says nothing, in whatever case it is written
    const difference = index === separatorAt ? 0 : left.charCodeAt(index) - right.charCodeAt(index)
    if (difference !== 0) return difference
  }
  const end = Math.max(left.length, right.length) - 1
  for (let index = pointAt + 1; index < end; index++) {
    const difference = fractionDigit(left, index) - fractionDigit(right, index)
    if (difference !== 0) return difference
  }
  return 0
}

/** In this time the Gregorian calendar repeats itself: 400 years. */
const calendarMs = 146_097 * 86_400_000

/**
 * Microseconds from the epoch to a timestamp, which it must be; what it says beyond them is left out. Exact from 1685 to
 * 2255: beyond, a double's steps are coarser than that.
 */
export function epochMicroseconds(timestamp: string): number {
  const at = (index: number) => twoDigits(timestamp, index)
  // 400 years later, because `Date.UTC` takes a year below 100 for one of the twentieth century.
  const year = at(0) * 100 + at(2) + 400
  const ms = Date.UTC(year, at(5) - 1, at(8), at(11), at(14), at(17)) - calendarMs
  let fraction = 0
  for (let index = pointAt + 1; index <= pointAt + microsecondDigits; index++) {
    fraction = fraction * 10 + fractionDigit(timestamp, index) - zero
  }
  return ms * 1000 + fraction
}
