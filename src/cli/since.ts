const msPerHour = 3_600_000

const units = { h: msPerHour, d: 24 * msPerHour } as const

const date = /^(\d{4})-(\d\d)-(\d\d)$/
const dateAndTime = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|z|[+-]\d\d:\d\d)?$/

/**
 * Reads since when something is wanted, in milliseconds since the epoch: an ISO 8601 date, with or without a time, in UTC
 * unless it says otherwise; or so many days (`7d`) or hours (`12h`) ago. Undefined if it is neither.
 */
export function readSince(text: string, nowMs: number): number | undefined {
  const ago = /^(\d{1,6})([dh])$/.exec(text)
  if (ago !== null) return nowMs - Number(ago[1]) * units[ago[2] as keyof typeof units]
  if (date.test(text)) return midnightOf(text)
  const [, day = '', time = '', zone = 'Z'] = dateAndTime.exec(text) ?? []
  if (midnightOf(day) === undefined) return undefined
  const ms = Date.parse(`${day}T${time}${zone.toUpperCase()}`)
  return Number.isNaN(ms) ? undefined : ms
}

/** Undefined for days that there aren't, as 30 February: `Date` takes them for others. */
function midnightOf(day: string): number | undefined {
  const [, year, month, dayOfMonth] = date.exec(day) ?? []
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(dayOfMonth))
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(`${day}T`) ? ms : undefined
}
