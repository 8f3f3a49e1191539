import { createMachine } from 'xstate'
import type { EndpointTypes } from './vocabulary-endpoint.ts'

/** One socket's life: bound, served, closed. An address that is taken is waited for only if the operator asked for it. */
export const endpointChart = createMachine({
  types: {} as EndpointTypes,
  id: 'endpoint',
  context: ({ input }) => ({ ...input, port: undefined, retries: 0, failure: undefined }),
  initial: 'binding',
  states: {
    binding: {
      invoke: {
        id: 'bindSocket',
        src: 'bindSocket',
        input: ({ context }) => ({ name: context.name, address: context.address }),
        onDone: { target: 'listening', actions: ['rememberPort', 'reportListening'] },
        onError: [
          { target: 'waiting', guard: 'addressTakenAndWorthWaiting', actions: 'countRetry' },
          { target: 'failed', actions: 'rememberFailure' },
        ],
      },
      on: { close: 'closed' },
    },

    waiting: {
      description: 'Another process still holds the address.',
      after: { bindRetryPause: 'binding' },
      on: { close: 'closed' },
    },

    listening: {
      invoke: {
        id: 'serveSocket',
        src: 'serveSocket',
        input: ({ context }) => ({ name: context.name, address: context.address }),
        onError: { target: 'failed', actions: 'rememberFailure' },
      },
      on: { close: 'closed' },
    },

    closed: { type: 'final', entry: 'closeSocket' },
    failed: { type: 'final', entry: ['closeSocket', 'reportFailure'] },
  },
})
