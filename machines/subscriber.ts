import { createMachine } from 'xstate'
import type { SubscriberTypes } from './vocabulary.ts'

/**
 * One subscriber's life, from the subscribe reply to its end.
 *
 * It is *subscribing* until its SUB socket joins on `pub`, *joined* while that socket is there, *stale* while the
 * application gives no sign of life, and *unsubscribed* at the end. Its queue keeps everything meanwhile; only a joined
 * subscriber's queue is sent. Messages never pass through here: the chart hears that the queue filled, and that the
 * socket refused.
 */
export const subscriberChart = createMachine({
  types: {} as SubscriberTypes,
  id: 'subscriber',
  context: ({ input }) => ({ topic: input.topic, openSnapshots: input.openSnapshots, sendsHeartbeats: false }),
  initial: 'subscribing',
  on: {
    'snapshot.closed': { actions: 'countClosedSnapshot' },
    'unsubscribe.requested': {
      target: '.unsubscribed',
      actions: { type: 'tell', params: { step: 'unsubscribed', reason: 'requested' } },
    },
    'broker.stopped': {
      target: '.unsubscribed',
      actions: { type: 'tell', params: { step: 'unsubscribed', reason: 'broker_stopped' } },
    },
  },
  states: {
    subscribing: {
      description: 'The reply is given, the SUB socket has not joined yet. The queue keeps.',
      on: {
        'socket.joined': { target: 'joined', actions: { type: 'tell', params: { step: 'joined' } } },
        'heartbeat.received': { actions: 'noteHeartbeat' },
      },
      after: { joinTimeout: 'stale.never_joined' },
    },

    joined: {
      description: 'The SUB socket is there and its heartbeats, if it ever sent one, keep coming.',
      type: 'parallel',
      exit: 'keepMessages',
      on: { 'socket.left': 'stale.disconnected' },
      states: {
        phase: {
          initial: 'snapshotting',
          states: {
            snapshotting: {
              description: 'Applications may still answer its snapshot requests; live traffic flows along.',
              always: { target: 'live', guard: 'everySnapshotClosed' },
            },
            live: {},
          },
        },
        flow: {
          initial: 'flowing',
          states: {
            flowing: {
              entry: 'drainQueue',
              on: { 'queue.filled': { actions: 'drainQueue' }, 'send.refused': 'waiting' },
            },
            waiting: {
              description: 'The connection holds as much as it may: only this subscriber waits.',
              after: { refusedSendPause: 'flowing' },
            },
          },
        },
        heartbeat: {
          initial: 'unmonitored',
          states: {
            unmonitored: {
              description: 'An application that never sends heartbeats is healthy as long as its socket is joined.',
              always: { target: 'monitored', guard: 'sendsHeartbeats' },
              on: { 'heartbeat.received': { target: 'monitored', actions: 'noteHeartbeat' } },
            },
            monitored: {
              on: { 'heartbeat.received': { target: 'monitored', reenter: true } },
              after: { heartbeatTimeout: '#subscriber.stale.heartbeat_stopped' },
            },
          },
        },
      },
    },

    stale: {
      description: 'No sign of life. The queue keeps, for a while.',
      initial: 'disconnected',
      on: {
        'socket.joined': { target: 'joined', actions: { type: 'tell', params: { step: 'back' } } },
        'heartbeat.received': { actions: 'noteHeartbeat' },
      },
      after: {
        evictAfter: {
          target: 'unsubscribed',
          actions: { type: 'tell', params: { step: 'unsubscribed', reason: 'evicted' } },
        },
      },
      states: {
        never_joined: { entry: { type: 'tell', params: { step: 'stale', reason: 'never_joined' } } },
        disconnected: { entry: { type: 'tell', params: { step: 'stale', reason: 'disconnected' } } },
        heartbeat_stopped: {
          entry: { type: 'tell', params: { step: 'stale', reason: 'heartbeat_stopped' } },
          on: {
            'heartbeat.received': {
              target: '#subscriber.joined',
              actions: { type: 'tell', params: { step: 'back' } },
            },
            'socket.left': 'disconnected',
          },
        },
      },
    },

    unsubscribed: { type: 'final', entry: 'discardQueue' },
  },
})
