import type { Reading } from './readings.ts'
import type { BrokerState } from './states.ts'

const notServing: Readonly<Record<Exclude<BrokerState, 'serving'>, string>> = {
  recovering: 'the subscriptions of the last run are being opened',
  starting: 'the sockets are not bound yet',
  draining: 'the broker is stopping',
  stopped: 'the broker has stopped',
  failed: 'a socket failed',
}

/** Why the broker is not ready to be sent to, a sentence each; none: it is. */
export function reasonsAgainst({
  state,
  history,
  hasDescriptors,
}: Pick<Reading, 'state' | 'history' | 'hasDescriptors'>): readonly string[] {
  const reasons: string[] = []
  if (state !== 'serving') reasons.push(notServing[state])
  if (history?.failing.messages) reasons.push('the log of messages cannot be written')
  if (history?.failing.subscriptions) reasons.push('the list of subscriptions cannot be written')
  if (!hasDescriptors) reasons.push('no file descriptor is left for one more connection (ulimit -n)')
  return reasons
}
