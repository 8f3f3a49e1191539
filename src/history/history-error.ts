/** What can't be done in the history directory, in words for who runs the broker: what, where and what to do about it. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError'
}
