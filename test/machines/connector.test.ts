import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createActor, SimulatedClock, type StateValue } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import type { ConnectorEvent } from '../../machines/vocabulary-connector.ts'
import { connectorLogic, type LifecycleSurroundings } from '../../src/connector/lifecycle.ts'
import { PretendedWork } from './pretended-work.ts'

const pauses = { shortestRetryPauseMs: 10, longestRetryPauseMs: 10 }
const finishTimeoutMs = 100
const flushTimeoutMs = 50

/** A connector to a bus and a VAST that are only pretended. */
function connector() {
  const work = new PretendedWork()
  const calls: string[] = []
  const note = (call: string) => () => void calls.push(call)
  const surroundings: LifecycleSurroundings = {
    pauses,
    finishTimeoutMs,
    flushTimeoutMs,
    subscribe: signal => work.begin('subscribe', signal),
    takeIndicators: signal => work.begin('takeIndicators', signal),
    askVast: signal => work.begin('askVast', signal),
    finishMatching: () => work.begin('finishMatching'),
    endCommands: () => work.begin('endCommands'),
    flushSightings: () => work.begin('flushSightings'),
    leaveBus: () => work.begin('leaveBus'),
    resumeMatching: note('resume'),
    holdMatching: note('hold'),
    startLiveMatcher: note('start live matcher'),
    attachLiveMatcher: note('attach live matcher'),
    detachLiveMatcher: note('detach live matcher'),
    stopLiveMatcher: note('stop live matcher'),
    tell: ({ step }) => calls.push(`tell ${step}`),
  }
  const clock = new SimulatedClock()
  const actor = createActor(connectorLogic(surroundings), { clock }).start()
  const happen = async (happening: Happening) => {
    happenings[happening]({
      work,
      send: event => {
        // XState warns of events to an actor that has ended.
        if (actor.getSnapshot().status === 'active') actor.send(event)
      },
      pass: milliseconds => {
        // One millisecond at a time: SimulatedClock would skip a timer that another one starts.
        for (let ms = 0; ms < milliseconds; ms++) clock.increment(1)
      },
    })
    // What is done is a promise, and reaches the chart in a later turn.
    await setImmediate()
  }
  return { actor, calls, work, happen }
}

interface Means {
  readonly work: PretendedWork
  send(event: ConnectorEvent): void
  pass(milliseconds: number): void
}

/** Everything that can happen to a connector. */
const happenings = {
  granted: ({ work }: Means) => work.done('subscribe'),
  'not granted': ({ work }: Means) => work.failed('subscribe'),
  'bus away': ({ send }: Means) => send({ type: 'bus.away' }),
  'bus back': ({ send }: Means) => send({ type: 'bus.back' }),
  'subscription broken': ({ work }: Means) => work.failed('takeIndicators'),
  'VAST answers': ({ work }: Means) => work.done('askVast', 'there'),
  'VAST does not answer': ({ work }: Means) => work.done('askVast', 'away'),
  'a call failed': ({ send }: Means) => send({ type: 'vast.suspected' }),
  'pause is over': ({ pass }: Means) => pass(pauses.longestRetryPauseMs),
  'long time': ({ pass }: Means) => pass(finishTimeoutMs),
  stop: ({ send }: Means) => send({ type: 'stop' }),
  'reader left': ({ send }: Means) => send({ type: 'output.closed' }),
  finished: ({ work }: Means) => work.done('finishMatching'),
  killed: ({ work }: Means) => work.done('endCommands'),
  flushed: ({ work }: Means) => work.done('flushSightings'),
  left: ({ work }: Means) => work.done('leaveBus'),
} as const
type Happening = keyof typeof happenings

/** The state of one region, or of the end, as the tables below write it: `bus.connecting.asking`, `stopping.killing`. */
function inWords(value: StateValue, region: string): string {
  const running = typeof value === 'object' ? (value.running as Record<string, StateValue> | undefined) : undefined
  const part = running === undefined ? value : { [region]: running[region] }
  const words = (each: unknown): string =>
    typeof each === 'object' && each !== null
      ? Object.entries(each)
          .map(([key, below]) => `${key}.${words(below)}`)
          .join()
      : `${each}`
  return words(part)
}

const stop = { stop: 'stopping.finishing', 'reader left': 'stopping.finishing' } as const

/** By region: how each state is reached, and what each happening leads to. */
const table: Record<string, Record<string, [Happening[], Partial<Record<Happening, string>>]>> = {
  bus: {
    'bus.connecting.asking': [
      [],
      { granted: 'bus.listening.subscribed', 'not granted': 'bus.connecting.pausing', ...stop },
    ],
    'bus.connecting.pausing': [
      ['not granted'],
      { 'pause is over': 'bus.connecting.asking', 'long time': 'bus.connecting.asking', ...stop },
    ],
    'bus.listening.subscribed': [
      ['granted'],
      { 'bus away': 'bus.listening.reconnecting', 'subscription broken': 'bus.connecting.pausing', ...stop },
    ],
    'bus.listening.reconnecting': [
      ['granted', 'bus away'],
      { 'bus back': 'bus.listening.subscribed', 'subscription broken': 'bus.connecting.pausing', ...stop },
    ],
  },
  vast: {
    'vast.checking': [[], { 'VAST answers': 'vast.there', 'VAST does not answer': 'vast.away.pausing', ...stop }],
    'vast.there': [['VAST answers'], { 'a call failed': 'vast.suspected', ...stop }],
    'vast.suspected': [
      ['VAST answers', 'a call failed'],
      { 'VAST answers': 'vast.there', 'VAST does not answer': 'vast.away.pausing', ...stop },
    ],
    'vast.away.pausing': [
      ['VAST does not answer'],
      { 'pause is over': 'vast.away.asking', 'long time': 'vast.away.asking', ...stop },
    ],
    'vast.away.asking': [
      ['VAST does not answer', 'pause is over'],
      { 'VAST answers': 'vast.there', 'VAST does not answer': 'vast.away.pausing', ...stop },
    ],
  },
  stopping: {
    'stopping.finishing': [['stop'], { finished: 'stopping.flushing', 'long time': 'stopping.killing' }],
    'stopping.killing': [['stop', 'long time'], { killed: 'stopping.flushing' }],
    'stopping.flushing': [['stop', 'finished'], { flushed: 'stopping.leaving', 'long time': 'stopping.leaving' }],
    'stopping.leaving': [['stop', 'finished', 'flushed'], { left: 'stopped' }],
    stopped: [['stop', 'finished', 'flushed', 'left'], {}],
  },
}

for (const [region, states] of Object.entries(table)) {
  describe(`a connector in ${region}`, () => {
    for (const [state, [path, steps]] of Object.entries(states)) {
      for (const happening of Object.keys(happenings) as Happening[]) {
        const expected = steps[happening] ?? state
        test(`${state} is ${expected} after: ${happening}`, async () => {
          const { actor, happen } = connector()
          for (const each of path) await happen(each)
          assert.equal(inWords(actor.getSnapshot().value, region), state)
          await happen(happening)
          assert.equal(inWords(actor.getSnapshot().value, region), expected)
          actor.stop()
        })
      }
    }
  })
}

describe('a connector', () => {
  test('matches only while VAST is there, and says when it goes and comes', async () => {
    const { actor, calls, happen } = connector()
    for (const each of ['VAST answers', 'a call failed', 'VAST answers'] as const) await happen(each)
    const [resumed, attached] = ['resume', 'attach live matcher']
    assert.deepEqual(calls.splice(0), [
      ...['start live matcher', 'tell vast_there', resumed, attached],
      ...['hold', resumed, attached],
    ])
    assert.equal(actor.getSnapshot().context.absences, 0)
    for (const each of ['a call failed', 'VAST does not answer', 'pause is over', 'VAST answers'] as const) {
      await happen(each)
    }
    assert.deepEqual(calls, ['hold', 'detach live matcher', 'tell vast_away', 'tell vast_there', resumed, attached])
    assert.equal(actor.getSnapshot().context.absences, 1)
  })

  test('that is told to stop takes back what it asks, and ends in order', async () => {
    const { actor, calls, work, happen } = connector()
    assert.deepEqual(work.names, ['subscribe', 'askVast'])
    await happen('stop')
    assert.deepEqual(work.names, ['finishMatching'])
    await happen('finished')
    assert.deepEqual(work.names, ['flushSightings'])
    await happen('flushed')
    assert.deepEqual(work.names, ['leaveBus'])
    await happen('left')
    assert.deepEqual(calls, ['start live matcher', 'tell stopping', 'stop live matcher'])
    assert.deepEqual(actor.getSnapshot().output, { failure: undefined })
  })

  test('kills what runs too long, and says so; what the bus does not take is left', async () => {
    const { calls, happen } = connector()
    for (const each of ['VAST answers', 'stop', 'long time', 'killed', 'long time', 'left'] as const) await happen(each)
    assert.deepEqual(calls.slice(4), [
      'hold',
      'tell stopping',
      'stop live matcher',
      'tell out_of_time',
      'tell sightings_left',
    ])
  })

  test('ends with what was wrong when nothing can be printed any more', async () => {
    const { actor, happen } = connector()
    const failure = new Error('the disk is full')
    actor.send({ type: 'output.closed', failure })
    for (const each of ['finished', 'flushed', 'left'] as const) await happen(each)
    assert.deepEqual(actor.getSnapshot().output, { failure })
  })
})

test('every path through a connector is one that a running one takes, and ends when it is stopped', async () => {
  const unused = () => assert.fail('a path is only imagined')
  const logic = connectorLogic({
    ...{ pauses, finishTimeoutMs, flushTimeoutMs },
    ...{ subscribe: unused, takeIndicators: unused, askVast: unused, finishMatching: unused, endCommands: unused },
    ...{ flushSightings: unused, leaveBus: unused, resumeMatching: unused, holdMatching: unused },
    ...{ startLiveMatcher: unused, stopLiveMatcher: unused, tell: unused },
    ...{ attachLiveMatcher: unused, detachLiveMatcher: unused },
  })
  const pausesOver = ['bus.connecting', 'vast.away'].map(state => {
    const delay = state === 'vast.away' ? 'vastPause' : 'subscribePause'
    return { type: `xstate.after.${delay}.connector.running.${state}.pausing` }
  })
  const imagined: [object, Happening][] = [
    [{ type: 'xstate.done.actor.subscribe', output: undefined }, 'granted'],
    [{ type: 'xstate.error.actor.subscribe', error: new Error('subscribe failed') }, 'not granted'],
    [{ type: 'xstate.error.actor.takeIndicators', error: new Error('takeIndicators failed') }, 'subscription broken'],
    [{ type: 'bus.away' }, 'bus away'],
    [{ type: 'bus.back' }, 'bus back'],
    [{ type: 'xstate.done.actor.askVast', output: 'there' }, 'VAST answers'],
    [{ type: 'xstate.done.actor.askVast', output: 'away' }, 'VAST does not answer'],
    [{ type: 'vast.suspected' }, 'a call failed'],
    [{ type: 'stop' }, 'stop'],
    [{ type: 'xstate.done.actor.finishMatching', output: undefined }, 'finished'],
    [{ type: 'xstate.after.finishTimeout.connector.stopping.finishing' }, 'long time'],
    [{ type: 'xstate.done.actor.endCommands', output: undefined }, 'killed'],
    [{ type: 'xstate.done.actor.flushSightings', output: undefined }, 'flushed'],
    [{ type: 'xstate.done.actor.leaveBus', output: undefined }, 'left'],
  ]
  const paths = getShortestPaths(logic, {
    events: [...imagined.map(([event]) => event), ...pausesOver] as ConnectorEvent[],
    serializeState: ({ value, context }) =>
      JSON.stringify([value, Math.min(context.failedSubscriptions, 1), Math.min(context.failedCalls, 1)]),
    limit: 10_000,
  })
  const happeningOf = (event: object) =>
    imagined.find(([{ ...each }]) => JSON.stringify(each) === JSON.stringify(event))?.[1]
  const reached = new Set<string>()
  for (const { steps, state } of paths) {
    const { actor, happen } = connector()
    const taken = steps.slice(1).map(({ event }) => happeningOf(event))
    for (const each of taken) await happen(each ?? 'pause is over')
    // Pauses that overlap end together in a running one: such a path is not compared, but ends like any other.
    const comparable = taken.every(each => each !== undefined && each !== 'long time')
    if (comparable) assert.deepEqual(actor.getSnapshot().value, state.value)
    for (const region of Object.keys(table)) reached.add(inWords(actor.getSnapshot().value, region))
    for (const each of ['stop', 'finished', 'long time', 'killed', 'flushed', 'left'] as const) await happen(each)
    assert.equal(actor.getSnapshot().status, 'done')
  }
  for (const states of Object.values(table)) {
    for (const state of Object.keys(states)) assert.ok(reached.has(state), `${state} was reached`)
  }
})
