import { isTimestamp } from '../protocol/stix/timestamp.ts'
import type { Timestamp } from '../protocol/stix/types.ts'

/**
 * A point in time as VAST and the sensors behind it write it: `2017-03-24T19:31:55.123456789`, a blank instead of the
 * T, with `Z`, with an offset as `-0600`, `-06:00` or `-06`, or with neither, which is UTC. Seconds may be left out.
 */
const written =
  /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,30}))?)? ?(?:[Zz]|([+-])(\d\d)(?::?(\d\d))?)?$/

/** Most digits of a fraction of a second that are written: a bus that is the original reads no more. */
const mostFractionDigits = 6

/** Longest text that is looked at, in characters. */
const longestTime = 80

/**
 * Numbers of this size and more can't be meant as seconds since 1970, which would be the year 5138: they are milliseconds,
 * which it is in 1973. A thousand times it, and a million times, it is the same with micro- and nanoseconds.
 */
const mostSeconds = 1e11

/**
 * The STIX timestamp (UTC, `Z`) of an event's time, or undefined if it is none: a text, or a number of seconds since
 * 1970, or of milli-, micro- or nanoseconds. It is exact to the microsecond, which is as far as the bus reads; digits of
 * texts beyond are dropped, not rounded.
 */
export function timestampOf(time: unknown): Timestamp | undefined {
  if (typeof time === 'number') return timestampOfNumber(time)
  if (typeof time !== 'string' || time.length > longestTime) return undefined
  const [, date, minutes, seconds = '00', fraction = '', sign, hoursOff = '0', minutesOff = '0'] =
    written.exec(time) ?? []
  const local = `${date}T${minutes}:${seconds}Z`
  if (!isTimestamp(local) || Number(minutesOff) > 59) return undefined
  const offset = (Number(hoursOff) * 60 + Number(minutesOff)) * (sign === '-' ? -60_000 : 60_000)
  return timestampAt(Date.parse(local) - offset, fraction.slice(0, mostFractionDigits))
}

/** A double holds the microseconds of our time, with nothing to spare. */
function timestampOfNumber(time: number): Timestamp | undefined {
  const unit = [1, 1e3, 1e6, 1e9].find(each => Math.abs(time) < mostSeconds * each)
  if (unit === undefined) return undefined
  const whole = Math.floor(time / unit)
  const microseconds = Math.floor((time - whole * unit) * (1e6 / unit) + 0.5)
  const carried = whole + Math.floor(microseconds / 1e6)
  return timestampAt(carried * 1000, String(microseconds % 1e6).padStart(mostFractionDigits, '0'))
}

/** `milliseconds` since 1970, whole seconds of them, and the digits of a fraction of a second. */
function timestampAt(milliseconds: number, fraction: string): Timestamp | undefined {
  // Beyond the years 1 to 9999 there is no timestamp, and far beyond no date.
  if (!(Math.abs(milliseconds) < 1e15)) return undefined
  const text = `${new Date(milliseconds).toISOString().replace(/\.\d+Z$/, '')}${fraction === '' ? '' : `.${fraction}`}Z`
  return isTimestamp(text) ? text : undefined
}
