import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createActor, SimulatedClock, type StateValue } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import type { ClientSessionEvent, HeartbeatAnswer, SubscribeAnswer } from '../../machines/vocabulary-client.ts'
import { BusUnavailableError, SubscriptionRefusedError, UnintelligibleReplyError } from '../../src/client/errors.ts'
import { type Settings, settingsOf } from '../../src/client/options.ts'
import { retryPauseMs, sessionLogic } from '../../src/client/session.ts'

/** What happens to a session: the bus answers what was asked last, or doesn't, or the application closes, or time passes. */
type Happening =
  | 'good answer'
  | 'bad answer'
  | 'no answer'
  /** Something answers that is no bus. */
  | 'nonsense'
  | 'close'
  | 'heartbeat is due'
  | 'pause is over'
  | 'long time'
  /** The connection that messages come by is there again. */
  | 'broke'
  | 'reconnected'

const settings = settingsOf({
  heartbeatIntervalMs: 100,
  shortestRetryPauseMs: 10,
  longestRetryPauseMs: 10,
  connectTimeoutMs: 1000,
  closeTimeoutMs: 200,
})

const waitsMs: Partial<Record<Happening, number>> = {
  'heartbeat is due': settings.heartbeatIntervalMs,
  'pause is over': settings.longestRetryPauseMs,
  'long time': 2000,
}

/** A request that waits for the test to answer it. */
interface Asked {
  readonly request: string
  answer(happening: Happening): void
}

/** A session → a bus that is only pretended: it answers when the test says so, and grants the topics a, b, c … */
function session(options: Partial<Pick<Settings, 'waitForBus'>> = {}) {
  const calls: string[] = []
  const asked: Asked[] = []
  let granted = 0
  const grant = () => {
    const topic = 'abcdefgh'[granted++] ?? assert.fail()
    return { topic, pubAddress: 'tcp://bus:2', subAddress: 'tcp://bus:3' }
  }
  function pending<Answer>(request: string, good: () => Answer, bad: () => Answer, signal: AbortSignal | undefined) {
    return new Promise<Answer>((resolve, reject) => {
      const answer = (happening: Happening) => {
        if (happening === 'good answer') resolve(good())
        else if (happening === 'bad answer') resolve(bad())
        else if (happening === 'nonsense') reject(new UnintelligibleReplyError('no bus'))
        else reject(new BusUnavailableError('no answer'))
      }
      const entry = { request, answer }
      asked.push(entry)
      signal?.addEventListener('abort', () => asked.splice(asked.indexOf(entry), 1))
    })
  }
  const logic = sessionLogic({
    settings: { ...settings, ...options },
    requests: {
      subscribe: ({ topics, snapshotDays }, { signals: [signal] }) =>
        pending<SubscribeAnswer>(
          `subscribe ${topics} ${snapshotDays}`,
          () => ({ answer: 'granted', grant: grant() }),
          () => ({ answer: 'refused', reason: 'not today' }),
          signal,
        ),
      heartbeat: (topic, received, { signals: [signal] }) =>
        pending<HeartbeatAnswer>(
          `heartbeat ${topic} ${received}`,
          () => 'known',
          () => 'forgotten',
          signal,
        ),
      unsubscribe: (topic, { signals: [signal] }) =>
        pending<void>(
          `unsubscribe ${topic}`,
          () => {},
          () => {},
          signal,
        ),
    },
    join: ({ topic }) => calls.push(`join ${topic}`),
    leave: () => calls.push('leave'),
    received: async () => 7,
    tell: step => calls.push(`tell ${step}`),
  })
  const clock = new SimulatedClock()
  const actor = createActor(logic, { clock, input: { topics: ['stix2'], snapshotDays: 3 } }).start()
  const happen = async (happening: Happening) => {
    const waitMs = waitsMs[happening]
    if (waitMs !== undefined) {
      // One millisecond at a time: SimulatedClock would skip a timer that another one starts.
      for (let ms = 0; ms < waitMs; ms++) clock.increment(1)
    } else if (happening === 'close') {
      // XState warns of events to an actor that has ended.
      if (actor.getSnapshot().status === 'active') actor.send({ type: 'close' })
    } else if (happening === 'broke' || happening === 'reconnected') actor.send({ type: `feed.${happening}` })
    else asked.shift()?.answer(happening)
    // An answer is a promise, and reaches the chart in a later turn.
    await setImmediate()
  }
  return { actor, calls, happen, requests: () => asked.map(({ request }) => request) }
}

/** A state as the tables below write it, like `subscribed.resting`. */
function inWords(value: StateValue): string {
  return typeof value === 'string' ? value : Object.entries(value).flat().join('.')
}

const forgotten: Happening[] = ['good answer', 'heartbeat is due', 'bad answer']
const away: Happening[] = ['good answer', 'heartbeat is due', 'no answer']
const disconnected: Happening[] = ['good answer', 'broke']

/** How each state is reached, and what each happening leads to. */
const table: Record<string, [Happening[], Partial<Record<Happening, string>>]> = {
  'opening.asking': [
    [],
    {
      'good answer': 'subscribed.resting',
      'bad answer': 'failed',
      'no answer': 'opening.pausing',
      nonsense: 'failed',
      close: 'closed',
      'long time': 'failed',
    },
  ],
  'opening.pausing': [
    ['no answer'],
    {
      'pause is over': 'opening.asking',
      // Time is time: a heartbeat's is longer than a pause's.
      'heartbeat is due': 'opening.asking',
      close: 'closed',
      'long time': 'failed',
    },
  ],
  'subscribed.resting': [
    ['good answer'],
    {
      'heartbeat is due': 'subscribed.asking',
      close: 'unsubscribing',
      'long time': 'subscribed.asking',
      broke: 'disconnected.pausing',
      reconnected: 'subscribed.asking',
    },
  ],
  'subscribed.asking': [
    ['good answer', 'heartbeat is due'],
    {
      'good answer': 'subscribed.resting',
      'bad answer': 'resubscribing.asking',
      'no answer': 'away.pausing',
      nonsense: 'away.pausing',
      close: 'unsubscribing',
      broke: 'disconnected.pausing',
    },
  ],
  'subscribed.releasing': [
    [...forgotten, 'good answer'],
    {
      'good answer': 'subscribed.resting',
      'bad answer': 'subscribed.resting',
      'no answer': 'subscribed.resting',
      nonsense: 'subscribed.resting',
      close: 'unsubscribing',
      broke: 'disconnected.pausing',
    },
  ],
  'disconnected.pausing': [
    disconnected,
    {
      'pause is over': 'disconnected.asking',
      'heartbeat is due': 'disconnected.asking',
      close: 'unsubscribing',
      'long time': 'disconnected.asking',
      reconnected: 'away.asking',
    },
  ],
  'disconnected.asking': [
    [...disconnected, 'pause is over'],
    {
      'good answer': 'disconnected.resting',
      'bad answer': 'resubscribing.asking',
      'no answer': 'disconnected.pausing',
      nonsense: 'disconnected.pausing',
      close: 'unsubscribing',
      reconnected: 'away.asking',
    },
  ],
  'disconnected.resting': [
    [...disconnected, 'pause is over', 'good answer'],
    {
      'heartbeat is due': 'disconnected.asking',
      close: 'unsubscribing',
      'long time': 'disconnected.asking',
      reconnected: 'away.asking',
    },
  ],
  'away.pausing': [
    away,
    {
      broke: 'disconnected.pausing',
      reconnected: 'away.asking',
      'pause is over': 'away.asking',
      'heartbeat is due': 'away.asking',
      close: 'unsubscribing',
      'long time': 'away.asking',
    },
  ],
  'away.asking': [
    [...away, 'pause is over'],
    {
      'good answer': 'subscribed.resting',
      'bad answer': 'resubscribing.asking',
      'no answer': 'away.pausing',
      nonsense: 'away.pausing',
      close: 'unsubscribing',
      broke: 'disconnected.pausing',
    },
  ],
  'resubscribing.asking': [
    forgotten,
    {
      'good answer': 'subscribed.releasing',
      'bad answer': 'resubscribing.pausing',
      'no answer': 'resubscribing.pausing',
      nonsense: 'resubscribing.pausing',
      close: 'unsubscribing',
    },
  ],
  'resubscribing.pausing': [
    [...forgotten, 'no answer'],
    {
      'pause is over': 'resubscribing.asking',
      'heartbeat is due': 'resubscribing.asking',
      close: 'unsubscribing',
      'long time': 'resubscribing.asking',
    },
  ],
  unsubscribing: [
    ['good answer', 'close'],
    {
      'good answer': 'closed',
      'bad answer': 'closed',
      'no answer': 'closed',
      nonsense: 'closed',
      'long time': 'closed',
    },
  ],
  closed: [['close'], {}],
  failed: [['bad answer'], {}],
}

const happenings: Happening[] = [
  'good answer',
  'bad answer',
  'no answer',
  'nonsense',
  'close',
  'heartbeat is due',
  'pause is over',
  'long time',
  'broke',
  'reconnected',
]

describe('a session that is', () => {
  for (const [state, [path, steps]] of Object.entries(table)) {
    for (const happening of happenings) {
      const expected = steps[happening] ?? state
      test(`${state} is ${expected} after: ${happening}`, async () => {
        const { actor, happen } = session()
        for (const each of path) await happen(each)
        assert.equal(inWords(actor.getSnapshot().value), state)
        await happen(happening)
        assert.equal(inWords(actor.getSnapshot().value), expected)
        actor.stop()
      })
    }
  }
})

describe('a session', () => {
  test('asks again and again when the bus is away, and goes on when it still knows the subscription', async () => {
    const { calls, happen, requests } = session()
    for (const each of away) await happen(each)
    for (let attempt = 0; attempt < 5; attempt++) {
      await happen('pause is over')
      assert.deepEqual(requests(), ['heartbeat a 7'])
      await happen('no answer')
    }
    await happen('pause is over')
    await happen('good answer')
    assert.deepEqual(calls, ['join a', 'tell subscribed', 'tell away', 'tell back'])
  })

  test('is away as soon as its connection broke, and back when that is there again and the bus knows it', async () => {
    const { calls, happen, requests } = session()
    for (const each of disconnected) await happen(each)
    assert.deepEqual(calls.splice(0), ['join a', 'tell subscribed', 'tell away'])
    // The bus answers; but messages don't come before the connection does.
    await happen('pause is over')
    await happen('good answer')
    assert.deepEqual(calls, [])
    await happen('reconnected')
    assert.deepEqual(requests(), ['heartbeat a 7'])
    await happen('good answer')
    assert.deepEqual(calls, ['tell back'])
  })

  test('that the bus forgot subscribes again as it did before, joins, and lets the old topic go', async () => {
    const { calls, happen, requests } = session()
    for (const each of forgotten) await happen(each)
    assert.deepEqual(requests(), ['subscribe stix2 3'])
    await happen('good answer')
    assert.deepEqual(requests(), ['unsubscribe a'])
    await happen('good answer')
    await happen('heartbeat is due')
    assert.deepEqual(requests(), ['heartbeat b 7'])
    assert.deepEqual(calls, ['join a', 'tell subscribed', 'tell forgotten', 'join b', 'tell resubscribed'])
  })

  test('that is closed unsubscribes the topic it holds, and only then leaves it', async () => {
    const { actor, calls, happen, requests } = session()
    await happen('good answer')
    await happen('close')
    assert.deepEqual(requests(), ['unsubscribe a'])
    assert.deepEqual(calls.splice(0), ['join a', 'tell subscribed'])
    await happen('good answer')
    assert.deepEqual(calls, ['leave', 'tell closed'])
    assert.equal(actor.getSnapshot().status, 'done')
  })

  test('says why there is no first subscription', async () => {
    const refused = session()
    await refused.happen('bad answer')
    assert.ok(refused.actor.getSnapshot().context.failure instanceof SubscriptionRefusedError)
    const unanswered = session()
    await unanswered.happen('no answer')
    await unanswered.happen('long time')
    assert.ok(unanswered.actor.getSnapshot().context.failure instanceof BusUnavailableError)
    assert.deepEqual(unanswered.calls, ['leave', 'tell failed'])
  })

  test('that is not to wait for a bus ends when there is none, and only the first subscription does', async () => {
    const { actor, happen } = session({ waitForBus: false })
    await happen('no answer')
    assert.equal(actor.getSnapshot().value, 'failed')
    assert.ok(actor.getSnapshot().context.failure instanceof BusUnavailableError)
    const lasting = session({ waitForBus: false })
    for (const each of away) await lasting.happen(each)
    assert.equal(inWords(lasting.actor.getSnapshot().value), 'away.pausing')
    lasting.actor.stop()
  })

  test('takes back the request that is under way when it is closed', async () => {
    const { happen, requests } = session()
    assert.deepEqual(requests(), ['subscribe stix2 3'])
    await happen('close')
    assert.deepEqual(requests(), [])
  })
})

test('pauses grow from the shortest to the longest, each with a random part taken away', () => {
  const patient = settingsOf({ shortestRetryPauseMs: 100, longestRetryPauseMs: 1000 })
  const longest = [0, 1, 2, 3, 4, 5, 6, 10_000].map(attempts => retryPauseMs(attempts, patient, 1))
  assert.deepEqual(longest, [100, 100, 200, 400, 800, 1000, 1000, 1000])
  const shortest = [1, 2, 3, 10_000].map(attempts => retryPauseMs(attempts, patient, 0))
  assert.deepEqual(shortest, [50, 100, 200, 500])
})

describe('every path through a session', () => {
  const unused = () => assert.fail('a path is only imagined')
  const logic = sessionLogic({
    settings,
    requests: { subscribe: unused, heartbeat: unused, unsubscribe: unused },
    join: unused,
    leave: unused,
    received: unused,
    tell: unused,
  })
  const grant = { topic: 'p2p', pubAddress: 'tcp://bus:2', subAddress: 'tcp://bus:3' }
  const imagined: [object, Happening][] = [
    [{ type: 'xstate.done.actor.requestSubscription', output: { answer: 'granted', grant } }, 'good answer'],
    [{ type: 'xstate.done.actor.requestSubscription', output: { answer: 'refused', reason: 'no' } }, 'bad answer'],
    [{ type: 'xstate.error.actor.requestSubscription', error: new Error('no answer') }, 'no answer'],
    [{ type: 'xstate.error.actor.requestSubscription', error: new UnintelligibleReplyError('no bus') }, 'nonsense'],
    [{ type: 'xstate.done.actor.requestHeartbeat', output: 'known' }, 'good answer'],
    [{ type: 'xstate.done.actor.requestHeartbeat', output: 'forgotten' }, 'bad answer'],
    [{ type: 'xstate.error.actor.requestHeartbeat', error: new Error('no answer') }, 'no answer'],
    [{ type: 'xstate.done.actor.requestUnsubscription', output: undefined }, 'good answer'],
    [{ type: 'close' }, 'close'],
    [{ type: 'feed.broke' }, 'broke'],
    [{ type: 'feed.reconnected' }, 'reconnected'],
    [{ type: 'xstate.after.heartbeatInterval.clientSession.subscribed.resting' }, 'heartbeat is due'],
    [{ type: 'xstate.after.retryPause.clientSession.opening.pausing' }, 'pause is over'],
    [{ type: 'xstate.after.retryPause.clientSession.away.pausing' }, 'pause is over'],
    [{ type: 'xstate.after.retryPause.clientSession.disconnected.pausing' }, 'pause is over'],
    [{ type: 'xstate.after.retryPause.clientSession.resubscribing.pausing' }, 'pause is over'],
  ]
  const paths = getShortestPaths(logic, {
    input: { topics: ['stix2'], snapshotDays: 0 },
    events: imagined.map(([event]) => event as ClientSessionEvent),
    serializeState: ({ value, context }) => JSON.stringify([value, Math.min(context.failedAttempts, 2)]),
    limit: 10_000,
  })
  const happeningOf = (event: object) =>
    imagined.find(([{ ...each }]) => JSON.stringify(each) === JSON.stringify(event))?.[1] ?? assert.fail()

  test('is one that a running session takes, and ends when it is closed, with all topics left', async () => {
    const reached = new Set<string>()
    for (const { steps, state } of paths) {
      const { actor, calls, happen } = session()
      for (const { event } of steps.slice(1)) await happen(happeningOf(event))
      const words = inWords(actor.getSnapshot().value)
      assert.equal(words, inWords(state.value), steps.map(({ event }) => event.type).join(', '))
      reached.add(words)
      if (actor.getSnapshot().status === 'active') await happen('close')
      await happen('no answer')
      assert.equal(actor.getSnapshot().status, 'done')
      assert.equal(calls.filter(call => call === 'leave').length, 1)
    }
    assert.deepEqual([...reached].sort(), Object.keys(table).sort())
  })
})
