import { createMachine } from 'xstate'
import type { BrokerTypes } from './vocabulary.ts'

/**
 * The supervisor: it owns the three endpoints, answers management requests while serving, and sees to it that what was
 * queued is delivered before everything closes.
 */
export const brokerChart = createMachine({
  types: {} as BrokerTypes,
  id: 'broker',
  context: ({ input }) => ({ endpoints: input.endpoints, ports: { manage: 0, pub: 0, sub: 0 }, failure: undefined }),
  initial: 'recovering',
  on: {
    // What this chart invokes it cannot do without. That one of these fails is no reason to end.
    'xstate.error.actor.subscriber.*': { actions: 'reportActorFailure' },
    'xstate.error.actor.snapshot.*': { actions: 'reportActorFailure' },
  },
  states: {
    recovering: {
      description: 'The subscriptions that an earlier broker gave are opened before anything can happen to them.',
      invoke: { id: 'restore', src: 'restoreSubscribers', onDone: 'running' },
      on: {
        stop: { target: 'stopped', actions: 'endActors' },
        'history.lost': { target: 'failed', actions: ['rememberFailure', 'endActors'] },
      },
    },

    running: {
      initial: 'starting',
      invoke: [
        { id: 'manage', src: 'endpoint', input: ({ context }) => context.endpoints.manage },
        { id: 'pub', src: 'endpoint', input: ({ context }) => context.endpoints.pub },
        { id: 'sub', src: 'endpoint', input: ({ context }) => context.endpoints.sub },
      ],
      exit: ['endActors', 'closeEndpoints'],
      on: {
        'management.*': { actions: 'refuseRequest' },
        'endpoint.failed': { target: 'failed', actions: 'rememberFailure' },
      },
      states: {
        starting: {
          description: 'The endpoints begin to listen, each when it can.',
          always: { target: 'serving', guard: 'everyEndpointListens', actions: 'announceServing' },
          on: {
            'endpoint.listening': { actions: 'rememberPort' },
            // An application that was there before must not be told that it is unknown (PROTOCOL "What the original loses").
            'management.heartbeat': { actions: 'carryOutRequest' },
            stop: '#broker.stopped',
            'history.lost': { target: '#broker.failed', actions: 'rememberFailure' },
          },
        },

        serving: {
          on: {
            'management.subscribe': { actions: 'carryOutRequest' },
            'management.unsubscribe': { actions: 'carryOutRequest' },
            'management.heartbeat': { actions: 'carryOutRequest' },
            'management.publish': { actions: 'carryOutRequest' },
            stop: 'draining',
            'history.lost': { target: 'draining', actions: 'rememberFailure' },
          },
        },

        draining: {
          description: 'No new subscriptions, no new messages; what is queued for joined subscribers goes out.',
          entry: 'closeIntake',
          exit: 'reportUndelivered',
          invoke: { id: 'deliverRest', src: 'deliverRest', onDone: '#broker.stopped' },
          on: {
            'management.unsubscribe': { actions: 'carryOutRequest' },
            'management.heartbeat': { actions: 'carryOutRequest' },
            'history.lost': { actions: 'rememberFailure' },
          },
          after: { shutdownTimeout: '#broker.stopped' },
        },
      },
    },

    stopped: { type: 'final' },
    failed: { type: 'final' },
  },
  output: ({ context }) => ({ failure: context.failure }),
})
