/** The longest that a timer of Node can wait, in milliseconds: almost 25 days. A longer one would fire at once. */
export const longestTimerMs = 2 ** 31 - 1

/** How long a timer shall wait that is to wait so long: no longer than it can, and not less than nothing. */
export function timerMs(ms: number): number {
  return ms > 0 ? Math.min(ms, longestTimerMs) : 0
}
