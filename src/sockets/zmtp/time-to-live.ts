/** What decides on a peer that has to be heard of within a time. */
export interface Awaited {
  /** Is it read at present? Who is not may have sent anything. */
  isRead(): boolean
  /** Nothing has come in time. */
  expired(): void
}

/**
 * Waits for anything from a peer, for so long at most: a ping's time to live (RFC 37 "Connection Heartbeating").
 *
 * @returns a function to be called when something has come, or nothing is waited for any more
 */
export function awaitPeer(milliseconds: number, { isRead, expired }: Awaited): () => void {
  let isOver = false
  const timer = setTimeout(() => {
    if (!isRead()) timer.refresh()
    // What came while the process was busy is read before that.
    else setImmediate(() => isOver || expired())
  }, milliseconds)
  return () => {
    isOver = true
    clearTimeout(timer)
  }
}
