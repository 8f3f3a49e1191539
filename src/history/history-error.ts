/** The history can't be used: its message says what is wrong, where, and what to do. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError'
}
