import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assign, createActor, fromPromise, SimulatedClock, type StateValue } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import { subscriberChart } from '../../machines/subscriber.ts'
import type { SubscriberEvent, SubscriberInput } from '../../machines/vocabulary.ts'

const delaysMs = {
  joinTimeout: 60,
  heartbeatTimeout: 30,
  evictAfter: 1000,
  fetchRetryPause: 5,
  receiptPause: 10,
}
type Delay = keyof typeof delaysMs

/** What the chart's guards ask for. */
interface Situation {
  everythingReplayed: boolean
  hasReceipt?: boolean
  isPositionKnown: boolean
}

const never = fromPromise<void, { topic: string }>(() => new Promise(() => {}))

/** The chart with implementations that only write down that they were called. */
function recorded(situation: Situation = { everythingReplayed: true, isPositionKnown: true }) {
  const calls: string[] = []
  const note = (name: string) => () => void calls.push(name)
  const logic = subscriberChart.provide({
    actors: { fetchFromHistory: never, locatePosition: never },
    actions: {
      startSending: note('startSending'),
      stopSending: note('stopSending'),
      giveBackPage: note('giveBackPage'),
      rewindQueue: note('rewindQueue'),
      resumeUnconfirmed: note('resumeUnconfirmed'),
      reportUnreadable: note('reportUnreadable'),
      forgetSubscription: note('forgetSubscription'),
      rememberSubscription: note('rememberSubscription'),
      noteStale: assign({ staleSinceMs: ({ context }) => context.staleSinceMs ?? 1 }),
      noteSignOfLife: assign({ staleSinceMs: undefined }),
      countClosedSnapshot: assign({ openSnapshots: ({ context }) => context.openSnapshots - 1 }),
      noteHeartbeat: assign({ sendsHeartbeats: true }),
      tell: (_, step) => calls.push('reason' in step ? `${step.step} ${step.reason}` : step.step),
    },
    guards: {
      isRestored: ({ context }) => context.staleSinceMs !== undefined,
      everythingReplayed: () => situation.everythingReplayed,
      isPositionKnown: () => situation.isPositionKnown,
      hasReceipt: () => situation.hasReceipt ?? false,
      everySnapshotClosed: ({ context }) => context.openSnapshots === 0,
      sendsHeartbeats: ({ context }) => context.sendsHeartbeats,
    },
    delays: delaysMs,
  })
  return { logic, calls }
}

/** What happens to a subscriber: an event, or time passing until a delay is over. */
type Happening = SubscriberEvent['type'] | `after ${Delay}`

const fetched = 'xstate.done.actor.0.subscriber.joined.flow.fetching'
const located = 'xstate.done.actor.0.subscriber.joined.flow.locating'
const unreadable = 'xstate.error.actor.0.subscriber.joined.flow.fetching'
const born = { topic: 'p2p', openSnapshots: 0, sendsHeartbeats: false, staleSinceMs: undefined }

function subscriber(input: Partial<SubscriberInput> = {}, situation?: Situation) {
  const { logic, calls } = recorded(situation)
  const clock = new SimulatedClock()
  const actor = createActor(logic, { clock, input: { ...born, ...input } }).start()
  const happen = (happening: Happening) => {
    if (!happening.startsWith('after ')) return actor.send({ type: happening, sent: 0 } as SubscriberEvent)
    // One millisecond at a time: SimulatedClock would skip a timer that another one starts.
    for (let ms = 0; ms < delaysMs[happening.slice('after '.length) as Delay]; ms++) clock.increment(1)
  }
  return { happen, state: () => inWords(actor.getSnapshot().value), calls }
}

/** A state as the tables below write it: `stale.disconnected`, or the regions of `joined` in a row. */
function inWords(value: StateValue): string {
  if (typeof value === 'string') return value
  if (typeof value.stale === 'string') return `stale.${value.stale}`
  return Object.values(value.joined as Record<string, string>).join(' ')
}

describe('a subscriber', () => {
  const table: [string, Happening[], string][] = [
    ['is subscribing until its SUB socket joins', ['heartbeat.received'], 'subscribing'],
    ['is live as soon as it has joined', ['socket.joined'], 'live flowing unmonitored'],
    ['is stale if its SUB socket never came', ['after joinTimeout'], 'stale.never_joined'],
    ['is live when it joins late', ['after joinTimeout', 'socket.joined'], 'live flowing unmonitored'],
    ['is stale when its socket is gone', ['socket.joined', 'socket.left'], 'stale.disconnected'],
    ['is back when its socket is', ['socket.joined', 'socket.left', 'socket.joined'], 'live flowing unmonitored'],
    ['need not send heartbeats', ['socket.joined', 'after evictAfter'], 'live flowing unmonitored'],
    ['is watched from its first heartbeat on', ['socket.joined', 'heartbeat.received'], 'live flowing monitored'],
    [
      'is stale when its heartbeats stop',
      ['socket.joined', 'heartbeat.received', 'after heartbeatTimeout'],
      'stale.heartbeat_stopped',
    ],
    [
      'is back when its heartbeats are',
      ['socket.joined', 'heartbeat.received', 'after heartbeatTimeout', 'heartbeat.received'],
      'live flowing monitored',
    ],
    [
      'is watched from the start if its first heartbeat came before its socket',
      ['heartbeat.received', 'socket.joined'],
      'live flowing monitored',
    ],
    [
      'is watched again when its socket is back',
      ['socket.joined', 'heartbeat.received', 'socket.left', 'socket.joined'],
      'live flowing monitored',
    ],
    [
      'is not back by a heartbeat alone when its socket is gone as well',
      ['socket.joined', 'heartbeat.received', 'after heartbeatTimeout', 'socket.left', 'heartbeat.received'],
      'stale.disconnected',
    ],
    ['waits when its connection is full', ['socket.joined', 'connection.filled'], 'live waiting unmonitored'],
    [
      'goes on when its connection has room',
      ['socket.joined', 'connection.filled', 'connection.drained'],
      'live flowing unmonitored',
    ],
    ['is unsubscribed when it asks', ['unsubscribe.requested'], 'unsubscribed'],
    ['is unsubscribed when it asks while stale', ['after joinTimeout', 'unsubscribe.requested'], 'unsubscribed'],
    ['is unsubscribed when it was stale for too long', ['after joinTimeout', 'after evictAfter'], 'unsubscribed'],
    ['is suspended when the broker stops', ['socket.joined', 'broker.stopped'], 'suspended'],
    ['fetches what is not in memory', ['socket.joined', 'queue.starved'], 'live fetching unmonitored'],
    ['goes on when it has it', ['socket.joined', 'queue.starved', fetched], 'live flowing unmonitored'],
    ['waits when the disk fails', ['socket.joined', 'queue.starved', unreadable], 'live unreadable unmonitored'],
    [
      'fetches again after a pause',
      ['socket.joined', 'queue.starved', unreadable, 'after fetchRetryPause'],
      'live fetching unmonitored',
    ],
  ]
  for (const [sentence, happenings, expected] of table) {
    test(sentence, () => {
      const { happen, state } = subscriber()
      for (const happening of happenings) happen(happening)
      assert.equal(state(), expected)
    })
  }

  test('replays the history, and then gathers until every snapshot is closed', () => {
    const situation = { everythingReplayed: false, isPositionKnown: true }
    const { happen, state } = subscriber({ openSnapshots: 2 }, situation)
    happen('socket.joined')
    happen('snapshot.closed')
    assert.equal(state(), 'replaying flowing unmonitored')
    happen('history.replayed')
    situation.everythingReplayed = true
    assert.equal(state(), 'gathering flowing unmonitored')
    happen('socket.left')
    happen('socket.joined')
    assert.equal(state(), 'gathering flowing unmonitored')
    happen('snapshot.closed')
    assert.equal(state(), 'live flowing unmonitored')
  })

  test('is live at once if its snapshots were closed before it joined', () => {
    const { happen, state } = subscriber({ openSnapshots: 1 })
    happen('snapshot.closed')
    happen('socket.joined')
    assert.equal(state(), 'live flowing unmonitored')
  })

  test('that confirms is sent nothing after a break until it has said what it received', () => {
    const situation: Situation = { everythingReplayed: true, isPositionKnown: false }
    const { happen, state, calls } = subscriber({}, situation)
    happen('socket.joined')
    assert.equal(state(), 'live resuming unmonitored')
    happen('receipt.confirmed')
    assert.equal(state(), 'live locating unmonitored')
    assert.ok(!calls.includes('startSending'))
    happen(located)
    assert.equal(state(), 'live flowing unmonitored')
    assert.equal(calls.at(-1), 'startSending')
  })

  test('that said before its socket was back what it received may say more for a while, and is then believed', () => {
    const { happen, state } = subscriber({}, { everythingReplayed: true, isPositionKnown: false, hasReceipt: true })
    happen('socket.joined')
    assert.equal(state(), 'live resuming unmonitored')
    happen('after receiptPause')
    assert.equal(state(), 'live locating unmonitored')
  })

  test('that confirms no more is sent what it may lack', () => {
    const { happen, state, calls } = subscriber({}, { everythingReplayed: true, isPositionKnown: false })
    happen('socket.joined')
    happen('after heartbeatTimeout')
    assert.equal(state(), 'live flowing unmonitored')
    assert.ok(calls.includes('resumeUnconfirmed'))
  })

  test('that an earlier broker gave is stale until its socket is back, and is not unsubscribed by that', () => {
    const { happen, state, calls } = subscriber({ staleSinceMs: 1, sendsHeartbeats: true })
    assert.equal(state(), 'stale.broker_restarted')
    happen('socket.joined')
    assert.equal(state(), 'live flowing monitored')
    assert.ok(!calls.includes('forgetSubscription'))
  })

  test('is evicted however it changes the reason for which it is stale', () => {
    const { happen, state } = subscriber()
    for (const each of ['socket.joined', 'heartbeat.received', 'after heartbeatTimeout'] as const) happen(each)
    for (let ms = 0; ms < delaysMs.evictAfter / delaysMs.joinTimeout - 1; ms++) happen('after fetchRetryPause')
    happen('socket.left')
    assert.equal(state(), 'stale.disconnected')
    happen('after evictAfter')
    assert.equal(state(), 'unsubscribed')
  })

  test('is sent to while its socket is there and takes what it gets, and in no other state', () => {
    const { happen, calls } = subscriber()
    happen('socket.joined')
    assert.deepEqual(calls.splice(0), ['joined', 'rememberSubscription', 'startSending'])
    happen('connection.filled')
    assert.deepEqual(calls.splice(0), ['stopSending'])
    happen('connection.drained')
    assert.deepEqual(calls.splice(0), ['startSending'])
    happen('queue.starved')
    assert.deepEqual(calls.splice(0), ['stopSending'])
    happen(fetched)
    assert.deepEqual(calls.splice(0), ['startSending'])
    happen('socket.left')
    const left = ['stopSending', 'giveBackPage', 'rewindQueue', 'rememberSubscription', 'stale disconnected']
    assert.deepEqual(calls.splice(0), left)
    happen('unsubscribe.requested')
    assert.deepEqual(calls.splice(0), ['unsubscribed requested', 'forgetSubscription'])
  })
})

describe('every path through a subscriber', () => {
  const { logic } = recorded()
  const events: SubscriberEvent['type'][] = [
    'socket.joined',
    'socket.left',
    'heartbeat.received',
    'snapshot.closed',
    'queue.starved',
    'connection.filled',
    'connection.drained',
    'receipt.confirmed',
    'history.replayed',
    'unsubscribe.requested',
    'broker.stopped',
    fetched,
    unreadable,
  ]
  const afters: Record<string, Delay> = {
    'xstate.after.joinTimeout.subscriber.subscribing': 'joinTimeout',
    'xstate.after.evictAfter.subscriber.stale': 'evictAfter',
    'xstate.after.heartbeatTimeout.subscriber.joined.heartbeat.monitored': 'heartbeatTimeout',
    'xstate.after.fetchRetryPause.subscriber.joined.flow.unreadable': 'fetchRetryPause',
  }
  const paths = getShortestPaths(logic, {
    input: { ...born, openSnapshots: 1 },
    events: [...events, ...Object.keys(afters)].map(type => ({ type }) as SubscriberEvent),
    serializeState: ({ value, context }) => JSON.stringify([value, context]),
    stopWhen: ({ context }) => context.openSnapshots < 0,
    limit: 100_000,
  })

  test('is one that a running subscriber takes, in simulated time', () => {
    const reached = new Set<string>()
    for (const { steps, state } of paths) {
      if (state.context.openSnapshots < 0) continue
      const { happen, state: reachedState } = subscriber({ openSnapshots: 1 })
      for (const { event } of steps.slice(1)) {
        const delay = afters[event.type]
        happen(delay ? `after ${delay}` : event.type)
      }
      assert.equal(reachedState(), inWords(state.value), steps.map(({ event }) => event.type).join(', '))
      reached.add(reachedState())
    }
    for (const expected of [
      'subscribing',
      'gathering flowing unmonitored',
      'gathering waiting monitored',
      'live flowing monitored',
      'live waiting unmonitored',
      'stale.never_joined',
      'stale.disconnected',
      'stale.heartbeat_stopped',
      'live fetching monitored',
      'live unreadable unmonitored',
      'unsubscribed',
      'suspended',
    ]) {
      assert.ok(reached.has(expected), `${expected} is reached`)
    }
  })

  test('leads to unsubscribed when it asks', () => {
    for (const { state } of paths) {
      if (state.value === 'suspended') continue
      const actor = createActor(logic, { input: state.context, snapshot: logic.getPersistedSnapshot(state) }).start()
      actor.send({ type: 'unsubscribe.requested' })
      assert.equal(actor.getSnapshot().value, 'unsubscribed')
      actor.stop()
    }
  })
})
