import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chronicle } from '../../src/inspector/story/chronicle.ts'
import { Senders } from '../../src/inspector/story/senders.ts'
import type { JsonValue, TraceRecord } from '../../src/inspector/trace/records.ts'

/** An actor of a program, found with this context. */
function actor(origin: string, id: string, chart: string, context: JsonValue, parent?: string): TraceRecord {
  const snapshot = { status: 'active', value: 'x', context } as const
  return {
    ...{ type: '@xstate.actor', at: 0, origin, actor: `${origin}/${id}`, id, chart, about: undefined, snapshot },
    parent: parent && `${origin}/${parent}`,
  }
}

function head(origin: string): TraceRecord {
  return { type: 'trace', version: 1, program: origin, pid: 1, at: 0, origin }
}

type Noted = readonly [actor: string, type: string, carried?: object, source?: string]

/** Two applications at a broker, and the steps that follow. */
function conversation(origins: readonly string[], steps: readonly Noted[]) {
  const kept = new Chronicle()
  for (const record of [
    actor('bus', 'broker', 'broker', {}),
    actor('bus', 'subscriber.a', 'subscriber', { topic: 'aaaaaa…' }, 'broker'),
    actor('bus', 'subscriber.b', 'subscriber', { topic: 'bbbbbb…' }, 'broker'),
    actor('bus', 'connection.a', 'connection', { topic: 'aaaaaa…' }, 'subscriber.a'),
    actor('one', 'session.1', 'clientSession', { grant: { topic: 'aaaaaa…' } }),
    actor('two', 'session.1', 'clientSession', { grant: { topic: 'bbbbbb…' } }),
  ]) {
    if (origins.includes(String('origin' in record && record.origin))) kept.take(record)
  }
  for (const origin of origins) kept.take(head(origin))
  for (const [name, type, carried, source] of steps) {
    const of = source === undefined ? {} : { source }
    kept.take({ type: '@xstate.snapshot', at: 1, actor: name, ...of, event: { type, ...carried } })
  }
  return { known: new Senders(kept, kept.lastIndex), steps: kept.steps }
}

/** Who sent steps, and whether they came from another program. */
function senders(origins: readonly string[], ...noted: readonly Noted[]) {
  const { known, steps } = conversation(origins, noted)
  return steps.map(step => [known.of(step), known.crosses(step)])
}

const all = ['bus', 'one', 'two']

test('a request comes from the session whose topic it names, and the answer from the broker', () => {
  assert.deepEqual(
    senders(
      all,
      ['bus/broker', 'management.heartbeat', { topic: 'bbbbbb…' }],
      ['two/session.1', 'xstate.done.actor.requestHeartbeat'],
      ['bus/subscriber.a', 'socket.joined'],
      ['bus/connection.a', 'peer.acknowledged'],
    ),
    [
      ['two/session.1', true],
      ['bus/broker', true],
      ['one/session.1', true],
      ['one/session.1', true],
    ],
  )
})

test('an answer stands behind what it answers, also if it was noted before', () => {
  const [ask, asked, answered] = [
    ['one/session.1', 'xstate.after.heartbeatInterval.x'],
    ['bus/broker', 'management.heartbeat', { topic: 'aaaaaa…' }],
    ['one/session.1', 'xstate.done.actor.requestHeartbeat'],
  ] as const
  const other = ['bus/broker', 'management.heartbeat', { topic: 'bbbbbb…' }] as const
  const inTurn = [ask, asked, answered, ask, asked, answered]
  for (const noted of [
    inTurn,
    [ask, answered, asked, ask, answered, asked],
    [ask, asked, answered, ask, answered, asked],
  ]) {
    const { known, steps } = conversation(all, noted)
    assert.deepEqual(
      known.inOrder(steps).map(({ event }) => event.type),
      inTurn.map(([, type]) => type),
    )
  }
  const { known, steps } = conversation(all, [ask, answered, other])
  assert.deepEqual(known.inOrder(steps), steps, "another's request is not what was answered")
})

test('what stays in a program, fails, or comes from who is not there, crosses nothing', () => {
  assert.deepEqual(
    senders(
      all,
      ['bus/subscriber.a', 'heartbeat.received', {}, 'bus/broker'],
      ['one/session.1', 'xstate.error.actor.requestHeartbeat'],
      ['one/session.1', 'xstate.after.heartbeatInterval.x'],
      ['bus/broker', 'management.heartbeat', { topic: 'cccccc…' }],
      ['bus/connection.a', 'connection.filled'],
    ),
    [
      ['bus/broker', false],
      ['one/session.1', false],
      ['one/session.1', false],
      [undefined, false],
      [undefined, false],
    ],
  )
  assert.deepEqual(
    senders(
      ['bus'],
      ['bus/broker', 'management.heartbeat', { topic: 'aaaaaa…' }],
      ['bus/subscriber.a', 'socket.joined'],
    ),
    [
      [undefined, false],
      [undefined, false],
    ],
  )
})
