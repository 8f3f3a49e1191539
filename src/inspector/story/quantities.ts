/** So many messages, in words. */
export function messages(count: number): string {
  return count === 1 ? '1 message' : `${count.toLocaleString('en-US')} messages`
}

/** So often, in words. */
export function times(count: number): string {
  return count === 1 ? 'once' : `${count.toLocaleString('en-US')} times`
}

/** A duration in words: `3 s`, `5 min`, `2 h`, `3 days`. */
export function ago(ms: number): string {
  const seconds = Math.max(0, ms) / 1000
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} days`
}

/** Words for the ticks of an axis that are `increment` apart: as short as they can be while no two are alike. */
export function tickWords(ticks: readonly number[], increment: number): readonly string[] {
  const most = Math.max(...ticks.map(Math.abs))
  const [unit, suffix] = most >= 1_000_000 ? [1_000_000, 'M'] : most >= 10_000 ? [1000, 'k'] : [1, '']
  const step = increment / unit
  let digits = 0
  while (digits < 9 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-9 * 10 ** digits) digits++
  const number = new Intl.NumberFormat('en-US', { maximumFractionDigits: digits })
  return ticks.map(tick => (tick === 0 ? '0' : `${number.format(tick / unit)}${suffix}`))
}

/** Words for ticks in time, in milliseconds, whole seconds apart: the time of day, with the date if they are of several days. */
export function timeWords(ticks: readonly number[]): readonly string[] {
  const dates = ticks.map(at => new Date(at))
  const two = (value: number) => String(value).padStart(2, '0')
  const isLong = (ticks.at(-1) ?? 0) - (ticks[0] ?? 0) >= 86_400_000
  return dates.map(date => {
    const time = `${two(date.getHours())}:${two(date.getMinutes())}`
    return isLong ? `${two(date.getMonth() + 1)}-${two(date.getDate())} ${time}` : `${time}:${two(date.getSeconds())}`
  })
}
