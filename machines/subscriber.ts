import { createMachine } from 'xstate'
import type { SubscriberTypes } from './vocabulary.ts'

/**
 * One subscriber's life, from the subscribe reply to its end.
 *
 * It is *subscribing* until its SUB socket joins on `pub`, then *snapshotting* until it has the snapshot that it asked for,
 * and *live*; *stale* while the application gives no sign of life, and *unsubscribed* at the end. When the broker stops it is *suspended*: the next
 * broker restores it. Its queue, a position in the log, waits meanwhile. What is sent to it is the business of its
 * connections, each an actor of its own (`connection`). Messages never pass through here.
 */
export const subscriberChart = createMachine({
  types: {} as SubscriberTypes,
  id: 'subscriber',
  context: ({ input }) => input,
  initial: 'opening',
  on: {
    // Whatever else becomes of it: where it stands is known better. It is answered when that survives this process.
    'frames.confirmed': [
      { guard: 'beginsToConfirm', actions: ['countFrames', 'passConfirmation', 'answerOnceRemembered'] },
      { actions: ['countFrames', 'passConfirmation', 'answerHeartbeat'] },
    ],
    'snapshot.closed': { actions: 'countClosedSnapshot' },
    'unsubscribe.requested': {
      target: '.unsubscribed',
      actions: { type: 'tell', params: { step: 'unsubscribed', reason: 'requested' } },
    },
    'room.needed': {
      guard: 'neverJoined',
      target: '.unsubscribed',
      actions: { type: 'tell', params: { step: 'unsubscribed', reason: 'crowded_out' } },
    },
    'operator.dropped': {
      target: '.unsubscribed',
      actions: { type: 'tell', params: { step: 'unsubscribed', reason: 'dropped' } },
    },
    'subscribe.undone': '.unsubscribed',
    'broker.stopped': '.suspended',
  },
  states: {
    opening: {
      description: 'A new subscription, or one that an earlier broker gave.',
      always: [{ target: 'stale.broker_restarted', guard: 'isRestored' }, { target: 'subscribing' }],
    },

    subscribing: {
      description: 'The reply is given, the SUB socket has not joined yet. The queue waits.',
      on: {
        'socket.joined': { target: 'joined', actions: { type: 'tell', params: { step: 'joined' } } },
        'heartbeat.received': { actions: 'noteHeartbeat' },
      },
      after: { joinTimeout: 'stale.never_joined' },
    },

    joined: {
      description: 'The SUB socket is there and its heartbeats, if it ever sent one, keep coming.',
      type: 'parallel',
      entry: ['noteSignOfLife', 'rememberSubscription'],
      on: { 'socket.left': 'stale.disconnected' },
      states: {
        phase: {
          initial: 'snapshotting',
          states: {
            snapshotting: {
              initial: 'replaying',
              states: {
                replaying: {
                  description: 'Its snapshot, from the history, is being sent. What is live comes behind it.',
                  always: { target: 'gathering', guard: 'everythingReplayed' },
                  on: { 'history.replayed': 'gathering' },
                },
                gathering: {
                  description: 'Applications may still answer its snapshot requests; live traffic flows along.',
                  always: { target: '#subscriber.joined.phase.live', guard: 'everySnapshotClosed' },
                },
              },
            },
            live: {},
          },
        },
        heartbeat: {
          initial: 'unmonitored',
          states: {
            unmonitored: {
              description: 'An application that never sends heartbeats is healthy as long as its socket is joined.',
              always: { target: 'monitored', guard: 'sendsHeartbeats' },
              on: {
                'heartbeat.received': { target: 'monitored', actions: ['noteHeartbeat', 'rememberSubscription'] },
              },
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
      description: 'No sign of life. The queue waits, for a while.',
      entry: 'noteStale',
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
        never_joined: {
          entry: ['rememberSubscription', { type: 'tell', params: { step: 'stale', reason: 'never_joined' } }],
        },
        disconnected: {
          entry: ['rememberSubscription', { type: 'tell', params: { step: 'stale', reason: 'disconnected' } }],
        },
        broker_restarted: {
          description: 'The broker was away; the SUB socket reconnects by itself.',
          entry: { type: 'tell', params: { step: 'stale', reason: 'broker_restarted' } },
        },
        heartbeat_stopped: {
          entry: [
            'holdConnections',
            'rememberSubscription',
            { type: 'tell', params: { step: 'stale', reason: 'heartbeat_stopped' } },
          ],
          exit: 'releaseConnections',
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

    unsubscribed: { type: 'final', entry: 'forgetSubscription' },
    suspended: {
      // Not final: XState looks through the timers of all actors when one ends, ten thousand times in a row here.
      description: 'The broker stopped. Nothing happens any more; the next broker goes on from here.',
      entry: ['holdConnections', 'rememberSubscription'],
    },
  },
})
