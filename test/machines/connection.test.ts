import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createActor, fromPromise, SimulatedClock, type StateValue } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import { connectionChart } from '../../machines/connection.ts'
import type { ConnectionEvent, ConnectionInput } from '../../machines/vocabulary-connection.ts'

const delaysMs = { receiptPause: 10, heartbeatTimeout: 30, fetchRetryPause: 5, acknowledgementTimeout: 20 }
type Delay = keyof typeof delaysMs

/** What the chart's guards ask for. */
interface Situation {
  isPlaceKnown?: boolean
  isRecordStale?: boolean
  hasReceipt?: boolean
  hasRoom?: boolean
}

const never = fromPromise<void, ConnectionInput>(() => new Promise(() => {}))

/** The chart with implementations that only write down that they were called. */
function recorded(situation: Situation) {
  const calls: string[] = []
  const note = (name: string) => () => void calls.push(name)
  const logic = connectionChart.provide({
    actors: { fetchFromHistory: never, locatePosition: never, writeRecord: never },
    actions: {
      startSending: note('startSending'),
      stopSending: note('stopSending'),
      giveBackPage: note('giveBackPage'),
      stopCounting: () => {
        calls.push('stopCounting')
        situation.isPlaceKnown = true
      },
      reportUnreadable: note('reportUnreadable'),
      boundByWindow: note('boundByWindow'),
      boundByNetwork: note('boundByNetwork'),
    },
    guards: {
      isPlaceKnown: () => situation.isPlaceKnown ?? true,
      isRecordStale: () => situation.isRecordStale ?? false,
      hasReceipt: () => situation.hasReceipt ?? false,
      hasRoom: () => situation.hasRoom ?? false,
    },
    delays: delaysMs,
  })
  return { logic, calls }
}

type Happening = ConnectionEvent['type'] | `after ${Delay}`

const flow = 'connection.open.flow'
const fetched = `xstate.done.actor.0.${flow}.fetching`
const unreadable = `xstate.error.actor.0.${flow}.fetching`
const located = `xstate.done.actor.0.${flow}.locating`
const unlocated = `xstate.error.actor.0.${flow}.locating`
const recordWritten = `xstate.done.actor.0.${flow}.recording`
const input = { topic: 'p2p', number: 0 }

function connection(situation: Situation = {}) {
  const { logic, calls } = recorded(situation)
  const clock = new SimulatedClock()
  const actor = createActor(logic, { clock, input }).start()
  const happen = (...happenings: Happening[]) => {
    for (const happening of happenings) {
      if (!happening.startsWith('after ')) actor.send({ type: happening } as ConnectionEvent)
      // One millisecond at a time: SimulatedClock would skip a timer that another one starts.
      else for (let ms = 0; ms < delaysMs[happening.slice('after '.length) as Delay]; ms++) clock.increment(1)
    }
  }
  return { happen, state: () => inWords(actor.getSnapshot().value), calls }
}

/** A state as the tables below write it: what is done, and what is known of the peer. */
function inWords(value: StateValue): string {
  return typeof value === 'string' ? value : Object.values(value.open as Record<string, string>).join(' ')
}

describe('a connection', () => {
  const table: [string, Happening[], string][] = [
    ['is closed until there is one', [], 'closed'],
    ['is sent to at once', ['connection.opened'], 'flowing asked'],
    ['is closed when it ends', ['connection.opened', 'connection.closed'], 'closed'],
    ['serves the next one as well', ['connection.opened', 'connection.closed', 'connection.opened'], 'flowing asked'],
    ['acknowledges', ['connection.opened', 'peer.acknowledged'], 'flowing acknowledging'],
    ['may be silent', ['connection.opened', 'after acknowledgementTimeout'], 'flowing silent'],
    [
      'may acknowledge late',
      ['connection.opened', 'after acknowledgementTimeout', 'peer.acknowledged'],
      'flowing acknowledging',
    ],
    [
      'is not silent because it is slow',
      ['connection.opened', 'peer.acknowledged', 'after acknowledgementTimeout'],
      'flowing acknowledging',
    ],
    ['waits when as much is under way as may be', ['connection.opened', 'connection.filled'], 'waiting asked'],
    [
      'goes on when some of that arrived',
      ['connection.opened', 'connection.filled', 'connection.drained'],
      'flowing asked',
    ],
    ['fetches what is not in memory', ['connection.opened', 'queue.starved'], 'fetching asked'],
    ['goes on when it has it', ['connection.opened', 'queue.starved', fetched], 'flowing asked'],
    ['waits when the disk fails', ['connection.opened', 'queue.starved', unreadable], 'unreadable asked'],
    [
      'fetches again after a pause',
      ['connection.opened', 'queue.starved', unreadable, 'after fetchRetryPause'],
      'fetching asked',
    ],
    ['is held while its subscriber is silent', ['connection.opened', 'sending.held'], 'held asked'],
    ['goes on when it is heard', ['connection.opened', 'sending.held', 'sending.released'], 'flowing asked'],
    [
      'is sent nothing of other types until that is written',
      ['connection.opened', 'prefixes.changed'],
      'recording asked',
    ],
    [
      'goes on when it is written',
      ['connection.opened', 'connection.filled', 'prefixes.changed', recordWritten],
      'flowing asked',
    ],
    ['is over when nobody needs it', ['connection.opened', 'actor.dismissed'], 'dismissed'],
  ]
  for (const [sentence, happenings, expected] of table) {
    test(sentence, () => {
      const { happen, state } = connection()
      happen(...happenings)
      assert.equal(state(), expected)
    })
  }

  test('of a subscriber that confirms is sent nothing until that has said what it received', () => {
    const situation: Situation = { isPlaceKnown: false }
    const { happen, state, calls } = connection(situation)
    happen('connection.opened')
    assert.equal(state(), 'resuming asked')
    happen('receipt.confirmed')
    assert.equal(state(), 'locating asked')
    assert.ok(!calls.includes('startSending'))
    situation.isPlaceKnown = true
    happen(located)
    assert.equal(state(), 'flowing asked')
    assert.equal(calls.at(-1), 'startSending')
  })

  test('looks for the place again when the disk failed, and for nothing else', () => {
    const { happen, state } = connection({ isPlaceKnown: false })
    happen('connection.opened', 'receipt.confirmed', unlocated)
    assert.equal(state(), 'unlocated asked')
    happen('after fetchRetryPause')
    assert.equal(state(), 'locating asked')
  })

  test('of a subscriber that said before what it received waits for more for a while, and then believes it', () => {
    const { happen, state } = connection({ isPlaceKnown: false, hasReceipt: true })
    happen('connection.opened')
    assert.equal(state(), 'resuming asked')
    happen('after receiptPause')
    assert.equal(state(), 'locating asked')
  })

  test('of a subscriber that confirms no more is sent what that may lack', () => {
    const { happen, state, calls } = connection({ isPlaceKnown: false })
    happen('connection.opened', 'after heartbeatTimeout')
    assert.equal(state(), 'flowing silent')
    assert.ok(calls.includes('stopCounting'))
  })

  test('writes down what it joined for before it is sent anything that its subscriber counts', () => {
    const situation: Situation = { isRecordStale: true }
    const { happen, state, calls } = connection(situation)
    happen('connection.opened')
    assert.equal(state(), 'recording asked')
    assert.ok(!calls.includes('startSending'))
    happen(recordWritten)
    assert.equal(state(), 'flowing asked')
  })

  test('does not wait any more when its peer turns out to be silent: more may be under way then', () => {
    const situation: Situation = { hasRoom: false }
    const { happen, state } = connection(situation)
    happen('connection.opened', 'connection.filled')
    assert.equal(state(), 'waiting asked')
    situation.hasRoom = true
    happen('after acknowledgementTimeout')
    assert.equal(state(), 'flowing silent')
  })

  test('is sent to while it flows, and in no other state', () => {
    const { happen, calls } = connection()
    happen('connection.opened')
    assert.deepEqual(calls.splice(0), ['boundByWindow', 'startSending'])
    for (const [stops, goesOn] of [
      ['connection.filled', 'connection.drained'],
      ['queue.starved', fetched],
      ['sending.held', 'sending.released'],
      ['prefixes.changed', recordWritten],
    ] as const) {
      happen(stops)
      assert.deepEqual(calls.splice(0), ['stopSending'])
      happen(goesOn)
      assert.deepEqual(calls.splice(0), ['startSending'])
    }
    happen('connection.closed')
    assert.deepEqual(calls.splice(0), ['stopSending', 'giveBackPage'])
  })
})

describe('every path through a connection', () => {
  // Timers run beside each other: that one is over is an event like others here.
  const events = [
    ...['connection.opened', 'connection.closed', 'connection.filled', 'connection.drained', 'prefixes.changed'],
    ...['receipt.confirmed', 'sending.held', 'sending.released', 'peer.acknowledged', 'queue.starved'],
    ...[fetched, unreadable, located, unlocated, recordWritten],
    ...[`xstate.after.heartbeatTimeout.${flow}.resuming`, `xstate.after.fetchRetryPause.${flow}.unreadable`],
    `xstate.after.fetchRetryPause.${flow}.unlocated`,
    'xstate.after.acknowledgementTimeout.connection.open.peer.asked',
  ]
  const paths = getShortestPaths(recorded({}).logic, {
    input,
    events: events.map(type => ({ type }) as ConnectionEvent),
    serializeState: ({ value }) => JSON.stringify(value),
    limit: 100_000,
  })

  test('leads to its end, and from each state a connection that ended can begin anew', () => {
    const reached = new Set<string>()
    for (const { steps, state } of paths) {
      const { happen, state: reachedState } = connection()
      for (const { event } of steps.slice(1)) happen(event.type)
      assert.equal(reachedState(), inWords(state.value), steps.map(({ event }) => event.type).join(', '))
      reached.add(reachedState())
      happen('connection.closed', 'connection.opened')
      assert.equal(reachedState(), 'flowing asked')
      happen('actor.dismissed')
      assert.equal(reachedState(), 'dismissed')
    }
    for (const done of ['flowing', 'waiting', 'fetching', 'unreadable', 'recording', 'held']) {
      for (const peer of ['asked', 'acknowledging', 'silent'])
        assert.ok(reached.has(`${done} ${peer}`), `${done} ${peer}`)
    }
  })
})
