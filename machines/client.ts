import { createMachine } from 'xstate'
import type { ClientTypes } from './vocabulary-client.ts'

/**
 * An application's connection to a bus: any number of sessions, each an actor of its own beside this one, and one way to
 * publish. It is open until the application closes it, and then does not leave anything behind that it had accepted.
 */
export const clientChart = createMachine({
  types: {} as ClientTypes,
  id: 'client',
  context: { abandoned: false },
  initial: 'open',
  on: {
    // Whoever reads the subscription is told what its session failed of.
    'xstate.error.actor.*': {},
  },
  states: {
    open: { on: { close: 'closing' } },

    closing: {
      description: 'Nothing new is accepted. Each step has a deadline of its own.',
      initial: 'unsubscribing',
      entry: 'refuseWork',
      states: {
        unsubscribing: {
          invoke: { id: 'endSubscriptions', src: 'endSubscriptions', onDone: 'awaiting_receipts' },
        },
        awaiting_receipts: {
          description: 'What was published waits for the word that it is on disk.',
          invoke: {
            id: 'awaitReceipts',
            src: 'awaitReceipts',
            onDone: { target: 'sending', actions: 'noteAbandoned' },
          },
        },
        sending: {
          description: 'What goes without receipts leaves the connection.',
          invoke: { id: 'sendRest', src: 'sendRest', onDone: { target: '#client.closed', actions: 'noteAbandoned' } },
        },
      },
    },

    closed: { type: 'final', entry: 'tellAbandoned' },
  },
})
