import { createMachine } from 'xstate'
import type { ConnectionTypes } from './vocabulary-connection.ts'

/**
 * A connection of a subscriber on `pub`: what is sent on it, and what its peer's library acknowledges.
 *
 * Of most subscribers there is one connection at a time, and the actor serves the next one as well. Of one that came back
 * before the end of its connection was noticed there are two, each with its own place in the log.
 */
export const connectionChart = createMachine({
  types: {} as ConnectionTypes,
  id: 'connection',
  context: ({ input }) => input,
  initial: 'closed',
  on: { 'actor.dismissed': '.dismissed' },
  states: {
    closed: { on: { 'connection.opened': 'open' } },

    open: {
      type: 'parallel',
      exit: 'giveBackPage',
      on: { 'connection.closed': 'closed' },
      states: {
        flow: {
          initial: 'resuming',
          on: { 'sending.held': '.held' },
          states: {
            resuming: {
              description: 'After a connection broke, a subscriber that confirms is waited for: it knows what it has.',
              always: [
                { target: 'recording', guard: 'isRecordStale' },
                { target: 'flowing', guard: 'isPlaceKnown' },
              ],
              on: { 'receipt.confirmed': 'locating' },
              after: {
                receiptPause: { target: 'locating', guard: 'hasReceipt' },
                heartbeatTimeout: { target: 'flowing', actions: 'stopCounting' },
              },
            },
            locating: {
              description: 'What it has is passed over in the log, and where that ends is written down.',
              invoke: {
                src: 'locatePosition',
                input: ({ context }) => context,
                onDone: 'resuming',
                onError: { target: 'unlocated', actions: 'reportUnreadable' },
              },
            },
            unlocated: {
              description: 'The disk could not be read. Where it is is looked for again.',
              after: { fetchRetryPause: 'locating' },
            },
            flowing: {
              description: 'What waits, and whatever comes, is sent.',
              entry: 'startSending',
              exit: 'stopSending',
              on: {
                'connection.filled': 'waiting',
                'queue.starved': 'fetching',
                'prefixes.changed': 'recording',
              },
            },
            recording: {
              description: 'From where on it is sent which types is written down: else its count would mislead.',
              invoke: { src: 'writeRecord', input: ({ context }) => context, onDone: 'flowing', onError: 'flowing' },
            },
            waiting: {
              description: 'As much is under way as may be: only this connection waits.',
              always: { target: 'flowing', guard: 'hasRoom' },
              on: { 'connection.drained': 'flowing', 'prefixes.changed': 'recording' },
            },
            fetching: {
              description: 'It lags behind what is in memory: what comes next is read from the history.',
              on: { 'prefixes.changed': 'recording' },
              invoke: {
                src: 'fetchFromHistory',
                input: ({ context }) => context,
                onDone: 'flowing',
                onError: { target: 'unreadable', actions: 'reportUnreadable' },
              },
            },
            unreadable: {
              description: 'The disk could not be read. It is tried again.',
              on: { 'prefixes.changed': 'recording' },
              after: { fetchRetryPause: 'fetching' },
            },
            held: {
              description: 'Its subscriber has stopped its heartbeats: nothing is sent.',
              on: { 'sending.released': 'resuming' },
            },
          },
        },
        peer: {
          initial: 'asked',
          states: {
            asked: {
              description: 'A PING went out first. Until it is known whether it is answered, little is under way.',
              entry: 'boundByWindow',
              on: { 'peer.acknowledged': 'acknowledging' },
              after: { acknowledgementTimeout: 'silent' },
            },
            acknowledging: {
              description: 'Its library answers PINGs: what they follow has arrived.',
              entry: 'boundByWindow',
            },
            silent: {
              description: 'Its library does not answer: what the network can hold may not have arrived.',
              entry: 'boundByNetwork',
              on: { 'peer.acknowledged': 'acknowledging' },
            },
          },
        },
      },
    },

    dismissed: { type: 'final', description: 'No connection needs it any more.' },
  },
})
