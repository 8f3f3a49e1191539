import { createMachine } from 'xstate'
import type { ClientSessionContext, ClientSessionTypes } from './vocabulary-client.ts'

/** Asks whether the bus knows the subscription that is held now. */
const heartbeat = {
  id: 'requestHeartbeat',
  src: 'requestHeartbeat',
  input: ({ context }: { context: ClientSessionContext }) => ({ topic: context.grant?.topic ?? '' }),
} as const

/**
 * One subscription's life, from the application's side.
 *
 * While *subscribed* it sends heartbeats, which say how much was received. When the connection that messages come by breaks,
 * the bus is away at once: *disconnected*, the session waits for the connection, which makes itself anew, and asks the bus
 * meanwhile, which may have forgotten the subscription and listen elsewhere. When the connection is there again it asks at
 * once, and then the bus goes on from there. A heartbeat that gets no answer says nothing about the subscription, which the
 * bus may have kept: *away*, it asks until there is an answer. Only the answer that the bus does not know the subscription
 * makes it subscribe anew, and then it goes on asking for as long as the application wants to listen. The first subscription
 * is different: somebody waits for it, so it has a deadline and takes a refusal for an answer; also that something else than
 * a bus is there, and, if the application does not want to wait for one, that nobody is.
 */
export const clientSessionChart = createMachine({
  types: {} as ClientSessionTypes,
  id: 'clientSession',
  context: ({ input }) => ({
    topics: input.topics,
    snapshotDays: input.snapshotDays,
    grant: undefined,
    formerTopic: undefined,
    failedAttempts: 0,
    failure: undefined,
  }),
  initial: 'opening',
  states: {
    opening: {
      description: 'The first subscription is asked for, and the application waits for it.',
      initial: 'asking',
      on: { close: 'closed' },
      after: { openTimeout: 'failed' },
      states: {
        asking: {
          invoke: {
            id: 'requestSubscription',
            src: 'requestSubscription',
            input: ({ context }) => ({ topics: context.topics, snapshotDays: context.snapshotDays }),
            onDone: [
              {
                guard: 'wasGranted',
                target: '#clientSession.subscribed',
                actions: ['rememberGrant', 'joinTopic', { type: 'tell', params: { step: 'subscribed' } }],
              },
              { target: '#clientSession.failed', actions: 'rememberRefusal' },
            ],
            onError: [
              { guard: 'isHopeless', target: '#clientSession.failed', actions: 'rememberNoAnswer' },
              { target: 'pausing', actions: 'rememberNoAnswer' },
            ],
          },
        },
        pausing: { after: { retryPause: 'asking' } },
      },
    },

    subscribed: {
      description: 'Messages flow, heartbeats are answered.',
      initial: 'resting',
      entry: 'forgetFailedAttempts',
      on: {
        close: 'unsubscribing',
        'feed.broke': { target: 'disconnected', actions: { type: 'tell', params: { step: 'away' } } },
      },
      states: {
        releasing: {
          description: 'The bus is told to let go of the subscription before this one, should it still have it.',
          invoke: {
            id: 'requestUnsubscription',
            src: 'requestUnsubscription',
            input: ({ context }) => ({ topic: context.formerTopic ?? '' }),
            onDone: 'resting',
            onError: 'resting',
          },
        },
        resting: { after: { heartbeatInterval: 'asking' }, on: { 'feed.reconnected': 'asking' } },
        asking: {
          on: { 'feed.reconnected': { target: 'asking', reenter: true } },
          invoke: {
            ...heartbeat,
            onDone: [
              { guard: 'isKnown', target: 'resting' },
              {
                target: '#clientSession.resubscribing',
                actions: { type: 'tell', params: { step: 'forgotten' } },
              },
            ],
            onError: {
              target: '#clientSession.away',
              actions: ['rememberNoAnswer', { type: 'tell', params: { step: 'away' } }],
            },
          },
        },
      },
    },

    disconnected: {
      description:
        'The connection that messages come by broke, and makes itself anew. The bus may answer nevertheless.',
      initial: 'pausing',
      on: { close: 'unsubscribing', 'feed.reconnected': 'away.asking' },
      states: {
        pausing: { after: { retryPause: 'asking' } },
        asking: {
          invoke: {
            ...heartbeat,
            onDone: [
              { guard: 'isKnown', target: 'resting' },
              {
                target: '#clientSession.resubscribing',
                actions: ['forgetFailedAttempts', { type: 'tell', params: { step: 'forgotten' } }],
              },
            ],
            onError: { target: 'pausing', actions: 'rememberNoAnswer' },
          },
        },
        resting: { after: { heartbeatInterval: 'asking' } },
      },
    },

    away: {
      description: 'The bus does not answer. It may have kept the subscription, so it is asked before another is made.',
      initial: 'pausing',
      on: { close: 'unsubscribing', 'feed.broke': 'disconnected' },
      states: {
        pausing: { after: { retryPause: 'asking' }, on: { 'feed.reconnected': 'asking' } },
        asking: {
          on: { 'feed.reconnected': { target: 'asking', reenter: true } },
          invoke: {
            ...heartbeat,
            onDone: [
              {
                guard: 'isKnown',
                target: '#clientSession.subscribed',
                actions: { type: 'tell', params: { step: 'back' } },
              },
              {
                target: '#clientSession.resubscribing',
                actions: ['forgetFailedAttempts', { type: 'tell', params: { step: 'forgotten' } }],
              },
            ],
            onError: { target: 'pausing', actions: 'rememberNoAnswer' },
          },
        },
      },
    },

    resubscribing: {
      description: 'The bus does not know the subscription any more: another one is asked for, until it is granted.',
      initial: 'asking',
      on: { close: 'unsubscribing' },
      states: {
        asking: {
          invoke: {
            id: 'requestSubscription',
            src: 'requestSubscription',
            input: ({ context }) => ({ topics: context.topics, snapshotDays: context.snapshotDays }),
            onDone: [
              {
                guard: 'wasGranted',
                target: '#clientSession.subscribed.releasing',
                actions: ['rememberGrant', 'joinTopic', { type: 'tell', params: { step: 'resubscribed' } }],
              },
              { target: 'pausing', actions: ['rememberRefusal', { type: 'tell', params: { step: 'refused' } }] },
            ],
            onError: { target: 'pausing', actions: 'rememberNoAnswer' },
          },
        },
        pausing: { after: { retryPause: 'asking' } },
      },
    },

    unsubscribing: {
      description: 'The application wants no more. Whether the bus answers or not, this ends.',
      invoke: {
        id: 'requestUnsubscription',
        src: 'requestUnsubscription',
        input: ({ context }) => ({ topic: context.grant?.topic ?? '' }),
        onDone: 'closed',
        onError: 'closed',
      },
      after: { closeTimeout: 'closed' },
    },

    closed: { type: 'final', entry: ['leaveTopic', { type: 'tell', params: { step: 'closed' } }] },
    failed: { type: 'final', entry: ['leaveTopic', { type: 'tell', params: { step: 'failed' } }] },
  },
})
