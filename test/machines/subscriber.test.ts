import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { assign, createActor, SimulatedClock, type StateValue } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import { subscriberChart } from '../../machines/subscriber.ts'
import type { SubscriberEvent, SubscriberInput } from '../../machines/vocabulary.ts'
import { timeLeftMs } from '../../src/actors/subscriber.ts'
import { longestDuration } from '../../src/config/values.ts'

const delaysMs = {
  joinTimeout: 60,
  heartbeatTimeout: 30,
  evictAfter: 1000,
}
type Delay = keyof typeof delaysMs

/** What the chart's guards ask for. */
interface Situation {
  everythingReplayed: boolean
  beginsToConfirm?: boolean
}

/** The chart with implementations that only write down that they were called. */
function recorded(situation: Situation = { everythingReplayed: true }) {
  const calls: string[] = []
  const note = (name: string) => () => void calls.push(name)
  const logic = subscriberChart.provide({
    actions: {
      holdConnections: note('holdConnections'),
      releaseConnections: note('releaseConnections'),
      forgetSubscription: note('forgetSubscription'),
      rememberSubscription: note('rememberSubscription'),
      noteStale: assign({ staleSinceMs: ({ context }) => context.staleSinceMs ?? 1 }),
      noteSignOfLife: assign({ staleSinceMs: undefined, hasJoined: true }),
      countClosedSnapshot: assign({ openSnapshots: ({ context }) => context.openSnapshots - 1 }),
      noteHeartbeat: assign({ sendsHeartbeats: true }),
      countFrames: note('countFrames'),
      passConfirmation: note('passConfirmation'),
      answerHeartbeat: note('answerHeartbeat'),
      answerOnceRemembered: note('answerOnceRemembered'),
      tell: (_, step) => calls.push('reason' in step ? `${step.step} ${step.reason}` : step.step),
    },
    guards: {
      isRestored: ({ context }) => context.staleSinceMs !== undefined,
      neverJoined: ({ context }) => !context.hasJoined,
      everythingReplayed: () => situation.everythingReplayed,
      everySnapshotClosed: ({ context }) => context.openSnapshots === 0,
      sendsHeartbeats: ({ context }) => context.sendsHeartbeats,
      beginsToConfirm: () => situation.beginsToConfirm ?? false,
    },
    delays: delaysMs,
  })
  return { logic, calls }
}

/** What happens to a subscriber: an event, or time passing until a delay is over. */
type Happening = SubscriberEvent['type'] | `after ${Delay}`

const born = { topic: 'p2p', openSnapshots: 0, sendsHeartbeats: false, staleSinceMs: undefined, hasJoined: false }

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

/** A state as the tables below write it: `stale.disconnected`, or the innermost of the regions of `joined` in a row. */
function inWords(value: StateValue): string {
  if (typeof value === 'string') return value
  if (typeof value.stale === 'string') return `stale.${value.stale}`
  const { phase, heartbeat } = value.joined as { phase: string | { snapshotting: string }; heartbeat: string }
  return `${typeof phase === 'string' ? phase : phase.snapshotting} ${heartbeat}`
}

describe('a subscriber', () => {
  const table: [string, Happening[], string][] = [
    ['is subscribing until its SUB socket joins', ['heartbeat.received'], 'subscribing'],
    ['is live as soon as it has joined', ['socket.joined'], 'live unmonitored'],
    ['is stale if its SUB socket never came', ['after joinTimeout'], 'stale.never_joined'],
    ['is live when it joins late', ['after joinTimeout', 'socket.joined'], 'live unmonitored'],
    ['is stale when its socket is gone', ['socket.joined', 'socket.left'], 'stale.disconnected'],
    ['is back when its socket is', ['socket.joined', 'socket.left', 'socket.joined'], 'live unmonitored'],
    ['need not send heartbeats', ['socket.joined', 'after evictAfter'], 'live unmonitored'],
    ['is watched from its first heartbeat on', ['socket.joined', 'heartbeat.received'], 'live monitored'],
    [
      'is stale when its heartbeats stop',
      ['socket.joined', 'heartbeat.received', 'after heartbeatTimeout'],
      'stale.heartbeat_stopped',
    ],
    [
      'is back when its heartbeats are',
      ['socket.joined', 'heartbeat.received', 'after heartbeatTimeout', 'heartbeat.received'],
      'live monitored',
    ],
    [
      'is watched from the start if its first heartbeat came before its socket',
      ['heartbeat.received', 'socket.joined'],
      'live monitored',
    ],
    [
      'is watched again when its socket is back',
      ['socket.joined', 'heartbeat.received', 'socket.left', 'socket.joined'],
      'live monitored',
    ],
    [
      'is not back by a heartbeat alone when its socket is gone as well',
      ['socket.joined', 'heartbeat.received', 'after heartbeatTimeout', 'socket.left', 'heartbeat.received'],
      'stale.disconnected',
    ],
    ['is unsubscribed when it asks', ['unsubscribe.requested'], 'unsubscribed'],
    ['is unsubscribed when it asks while stale', ['after joinTimeout', 'unsubscribe.requested'], 'unsubscribed'],
    ['is unsubscribed when it was stale for too long', ['after joinTimeout', 'after evictAfter'], 'unsubscribed'],
    ['gives way while it has not joined', ['room.needed'], 'unsubscribed'],
    ['gives way when it never joined', ['after joinTimeout', 'heartbeat.received', 'room.needed'], 'unsubscribed'],
    ['gives no way once it has joined', ['socket.joined', 'room.needed'], 'live unmonitored'],
    [
      'gives no way when it has joined and is stale',
      ['after joinTimeout', 'socket.joined', 'socket.left', 'room.needed'],
      'stale.disconnected',
    ],
    ['is unsubscribed when the operator drops it', ['socket.joined', 'operator.dropped'], 'unsubscribed'],
    ['is suspended when the broker stops', ['socket.joined', 'broker.stopped'], 'suspended'],
  ]
  for (const [sentence, happenings, expected] of table) {
    test(sentence, () => {
      const { happen, state } = subscriber()
      for (const happening of happenings) happen(happening)
      assert.equal(state(), expected)
    })
  }

  test('replays the history, and then gathers until every snapshot is closed', () => {
    const situation = { everythingReplayed: false }
    const { happen, state } = subscriber({ openSnapshots: 2 }, situation)
    happen('socket.joined')
    happen('snapshot.closed')
    assert.equal(state(), 'replaying unmonitored')
    happen('history.replayed')
    situation.everythingReplayed = true
    assert.equal(state(), 'gathering unmonitored')
    happen('socket.left')
    happen('socket.joined')
    assert.equal(state(), 'gathering unmonitored')
    happen('snapshot.closed')
    assert.equal(state(), 'live unmonitored')
  })

  test('is live at once if its snapshots were closed before it joined', () => {
    const { happen, state } = subscriber({ openSnapshots: 1 })
    happen('snapshot.closed')
    happen('socket.joined')
    assert.equal(state(), 'live unmonitored')
  })

  test('that an earlier broker gave is stale until its socket is back, and is not unsubscribed by that', () => {
    const { happen, state, calls } = subscriber({ staleSinceMs: 1, sendsHeartbeats: true })
    assert.equal(state(), 'stale.broker_restarted')
    happen('socket.joined')
    assert.equal(state(), 'live monitored')
    assert.ok(!calls.includes('forgetSubscription'))
  })

  test('is evicted however it changes the reason for which it is stale', () => {
    const { happen, state } = subscriber()
    for (const each of ['socket.joined', 'heartbeat.received', 'after heartbeatTimeout'] as const) happen(each)
    for (let times = 0; times < delaysMs.evictAfter / delaysMs.joinTimeout - 1; times++) happen('after joinTimeout')
    happen('socket.left')
    assert.equal(state(), 'stale.disconnected')
    happen('after evictAfter')
    assert.equal(state(), 'unsubscribed')
  })

  test('that says what it received is counted and answered in every state, and before that remembered when it begins to', () => {
    const situation: Situation = { everythingReplayed: true }
    const { happen, calls } = subscriber({}, situation)
    for (const before of ['socket.joined', 'heartbeat.received', 'after heartbeatTimeout', 'socket.left'] as const) {
      for (const beginsToConfirm of [true, false]) {
        situation.beginsToConfirm = beginsToConfirm
        calls.length = 0
        happen('frames.confirmed')
        const answer = beginsToConfirm ? 'answerOnceRemembered' : 'answerHeartbeat'
        assert.deepEqual(calls, ['countFrames', 'passConfirmation', answer])
      }
      happen(before)
    }
  })

  test('holds its connections while its heartbeats have stopped, and tells of each step', () => {
    const { happen, calls } = subscriber()
    happen('socket.joined')
    assert.deepEqual(calls.splice(0), ['joined', 'rememberSubscription'])
    happen('heartbeat.received')
    assert.deepEqual(calls.splice(0), ['rememberSubscription'])
    happen('after heartbeatTimeout')
    assert.deepEqual(calls.splice(0), ['holdConnections', 'rememberSubscription', 'stale heartbeat_stopped'])
    happen('heartbeat.received')
    assert.deepEqual(calls.splice(0), ['releaseConnections', 'back', 'rememberSubscription'])
    happen('socket.left')
    assert.deepEqual(calls.splice(0), ['rememberSubscription', 'stale disconnected'])
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
    'history.replayed',
    'unsubscribe.requested',
    'room.needed',
    'operator.dropped',
    'broker.stopped',
  ]
  const afters: Record<string, Delay> = {
    'xstate.after.joinTimeout.subscriber.subscribing': 'joinTimeout',
    'xstate.after.evictAfter.subscriber.stale': 'evictAfter',
    'xstate.after.heartbeatTimeout.subscriber.joined.heartbeat.monitored': 'heartbeatTimeout',
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
      'gathering unmonitored',
      'gathering monitored',
      'live monitored',
      'stale.never_joined',
      'stale.disconnected',
      'stale.heartbeat_stopped',
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

describe('the time that a subscriber may still be stale', () => {
  const hourMs = 3_600_000
  const spans = fc.integer({ min: 10, max: longestDuration * 1000 })

  test('is no longer than a timer can wait, whatever the clock says, nor shorter than an hour or join_timeout', () => {
    const staleFor = fc.oneof(fc.integer(), fc.double({ noNaN: true }))
    fc.assert(
      fc.property(spans, spans, staleFor, (evictAfter, joinTimeout, staleForMs) => {
        const leftMs = timeLeftMs({ evictAfter, joinTimeout }, staleForMs)
        assert.ok(leftMs <= Math.min(evictAfter, 2 ** 31 - 1))
        assert.ok(leftMs >= Math.min(evictAfter, Math.max(joinTimeout, hourMs)))
      }),
    )
  })

  test('is what is left of evict_after, while that is more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2 * hourMs, max: 2 ** 31 - 1 }), fc.nat(hourMs), (evictAfter, staleForMs) => {
        assert.equal(timeLeftMs({ evictAfter, joinTimeout: 60_000 }, staleForMs), evictAfter - staleForMs)
      }),
    )
  })
})
