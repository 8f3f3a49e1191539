/** What happens when a timer of a chart has run down, in words. Where a chart means something else by it, its name stands before. */
const words: Readonly<Record<string, string>> = {
  acknowledgementTimeout: 'Taken for one that does not acknowledge',
  answerTimeout: 'Given up unless somebody answers',
  attachPause: 'Attached again',
  bindRetryPause: 'Tried again',
  closeTimeout: 'Closed without an answer',
  'connection.heartbeatTimeout': 'Sent without a confirmation',
  evictAfter: 'Unsubscribed unless it comes back',
  fetchRetryPause: 'Tried again',
  finishTimeout: 'Queries killed unless they end',
  flushTimeout: 'Sightings left behind unless they go',
  heartbeatInterval: 'Next heartbeat',
  heartbeatTimeout: 'Given up unless a heartbeat comes',
  joinTimeout: 'Given up unless it joins',
  openTimeout: 'Given up unless the bus answers',
  quietTimeout: 'Complete unless more comes',
  receiptPause: 'Sent by what it confirmed',
  retryPause: 'Asked again',
  settleTime: 'Earlier losses forgotten',
  shutdownTimeout: 'Ended, whatever is still to be sent',
  subscribePause: 'Asked again',
  vastPause: 'Asked again',
}

/** What a delay of a chart leads to, in words; undefined: there are none. */
export function delayWords(chart: string, delay: string): string | undefined {
  return words[`${chart}.${delay}`] ?? words[delay]
}
