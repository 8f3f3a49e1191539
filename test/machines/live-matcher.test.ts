import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createActor, SimulatedClock } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import type { LiveMatcherEvent } from '../../machines/vocabulary-connector.ts'
import { liveMatcherLogic } from '../../src/connector/live-matcher.ts'
import { PretendedWork } from './pretended-work.ts'

/** What happens to the live matcher: to its process, to VAST, or to the connector. */
type Happening =
  | 'started'
  | 'not started'
  | 'ended'
  | 'gone'
  | 'pause is over'
  | 'VAST is away'
  | 'VAST is back'
  | 'stop'

const pauses = { shortestRetryPauseMs: 10, longestRetryPauseMs: 100 }

const happenings: Happening[] = [
  'started',
  'not started',
  'ended',
  'gone',
  'pause is over',
  'VAST is away',
  'VAST is back',
  'stop',
]

/** A live matcher whose process is only pretended. */
function liveMatcher() {
  const work = new PretendedWork()
  const calls: string[] = []
  const clock = new SimulatedClock()
  const logic = liveMatcherLogic({
    pauses,
    matching: { start: () => work.begin('start'), read: () => work.begin('read'), end: () => work.begin('end') },
    content: { fill: () => calls.push('fill'), hold: () => calls.push('hold') },
    tell: step => calls.push('reason' in step ? `${step.step} ${step.reason}` : step.step),
  })
  const actor = createActor(logic, { clock }).start()
  const send = (event: LiveMatcherEvent) => {
    // XState warns of events to an actor that has ended.
    if (actor.getSnapshot().status === 'active') actor.send(event)
  }
  const pass = (milliseconds: number) => {
    // One millisecond at a time: SimulatedClock would skip a timer that another one starts.
    for (let ms = 0; ms < milliseconds; ms++) clock.increment(1)
  }
  const happen = async (happening: Happening) => {
    if (happening === 'started') work.done('start')
    else if (happening === 'not started') work.failed('start')
    else if (happening === 'ended') work.done('read')
    else if (happening === 'gone') while (work.done('end'));
    else if (happening === 'pause is over') pass(pauses.longestRetryPauseMs - 1)
    else if (happening === 'VAST is away') send({ type: 'vast.away' })
    else if (happening === 'VAST is back') send({ type: 'vast.back' })
    else send({ type: 'stop' })
    // What is done is a promise, and reaches the chart in a later turn.
    await setImmediate()
  }
  return { actor, calls, work, happen, pass }
}

/** How each state is reached, and what each happening leads to. */
const table: Record<string, [Happening[], Partial<Record<Happening, string>>]> = {
  attaching: [[], { started: 'attached', 'not started': 'lost', stop: 'ending' }],
  attached: [['started'], { ended: 'lost', 'VAST is away': 'lost', stop: 'ending' }],
  lost: [['started', 'ended'], { gone: 'backing_off', stop: 'ending' }],
  backing_off: [
    ['started', 'ended', 'gone'],
    { 'pause is over': 'attaching', 'VAST is back': 'attaching', stop: 'ended' },
  ],
  ending: [['started', 'stop'], { gone: 'ended' }],
  ended: [['started', 'stop', 'gone'], {}],
}

describe('a live matcher that is', () => {
  for (const [state, [path, steps]] of Object.entries(table)) {
    for (const happening of happenings) {
      const expected = steps[happening] ?? state
      test(`${state} is ${expected} after: ${happening}`, async () => {
        const { actor, happen } = liveMatcher()
        for (const each of path) await happen(each)
        assert.equal(actor.getSnapshot().value, state)
        await happen(happening)
        assert.equal(actor.getSnapshot().value, expected)
        actor.stop()
      })
    }
  }
})

describe('a live matcher', () => {
  test('is filled whenever it is attached, and told nothing in between', async () => {
    const { calls, happen } = liveMatcher()
    for (const each of ['started', 'ended', 'gone', 'pause is over', 'started'] as const) await happen(each)
    assert.deepEqual(calls, ['fill', 'attached', 'hold', 'lost ended', 'fill', 'attached'])
  })

  test('is never there twice: another one is attached when the last one is gone', async () => {
    const { work, happen, pass } = liveMatcher()
    await happen('started')
    await happen('VAST is away')
    assert.deepEqual(work.names, ['read', 'end'])
    pass(10_000)
    await happen('VAST is back')
    assert.deepEqual(work.names, ['read', 'end'])
    await happen('gone')
    await happen('pause is over')
    assert.deepEqual(work.names, ['read', 'start'])
  })

  test('that is lost soon, again and again, is attached after longer and longer pauses; once it stayed, soon again', async () => {
    const { actor, happen, pass } = liveMatcher()
    const lose = async () => {
      for (const each of ['started', 'ended', 'gone'] as const) await happen(each)
    }
    for (let times = 0; times < 5; times++) {
      await lose()
      pass(pauses.longestRetryPauseMs)
    }
    await lose()
    pass(pauses.longestRetryPauseMs / 2 - 1)
    assert.equal(actor.getSnapshot().value, 'backing_off')
    pass(pauses.longestRetryPauseMs / 2 + 1)
    await happen('started')
    pass(pauses.longestRetryPauseMs)
    for (const each of ['ended', 'gone'] as const) await happen(each)
    pass(pauses.shortestRetryPauseMs)
    assert.equal(actor.getSnapshot().value, 'attaching')
    actor.stop()
  })
})

test('every path through the live matcher ends when it is stopped, with its process gone', async () => {
  const unused = () => assert.fail('a path is only imagined')
  const logic = liveMatcherLogic({
    pauses,
    matching: { start: unused, read: unused, end: unused },
    content: { fill: unused, hold: unused },
    tell: unused,
  })
  const imagined = new Map<Happening, object>([
    ['started', { type: 'xstate.done.actor.startMatcher', output: undefined }],
    ['not started', { type: 'xstate.error.actor.startMatcher', error: new Error('start failed') }],
    ['ended', { type: 'xstate.done.actor.readMatches', output: undefined }],
    ['gone', { type: 'xstate.done.actor.endMatcher', output: undefined }],
    ['pause is over', { type: 'xstate.after.attachPause.liveMatcher.backing_off' }],
    ['VAST is away', { type: 'vast.away' }],
    ['VAST is back', { type: 'vast.back' }],
    ['stop', { type: 'stop' }],
  ])
  const paths = getShortestPaths(logic, {
    events: [...imagined.values()] as LiveMatcherEvent[],
    serializeState: ({ value, context }) => JSON.stringify([value, Math.min(context.losses, 2)]),
    limit: 10_000,
  })
  const happeningOf = (event: object) =>
    [...imagined].find(([, { ...each }]) => JSON.stringify(each) === JSON.stringify(event))?.[0] ?? assert.fail()
  const reached = new Set<string>()
  for (const { steps, state } of paths) {
    const { actor, work, happen } = liveMatcher()
    for (const { event } of steps.slice(1)) await happen(happeningOf(event))
    assert.equal(actor.getSnapshot().value, state.value)
    reached.add(state.value as string)
    await happen('stop')
    await happen('gone')
    assert.equal(actor.getSnapshot().status, 'done')
    assert.ok(!work.names.includes('end'))
  }
  assert.deepEqual([...reached].sort(), Object.keys(table).sort())
})
