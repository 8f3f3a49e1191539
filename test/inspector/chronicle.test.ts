import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { brokerChart } from '../../machines/broker.ts'
import { clientSessionChart } from '../../machines/client-session.ts'
import { endpointChart } from '../../machines/endpoint.ts'
import { snapshotExchangeChart } from '../../machines/snapshot-exchange.ts'
import { subscriberChart } from '../../machines/subscriber.ts'
import { Chronicle, traceLimits } from '../../src/inspector/story/chronicle.ts'
import { differences } from '../../src/inspector/story/difference.ts'
import { activeStates, matches, stateText } from '../../src/inspector/story/state-value.ts'
import { definitionOf, type StateDefinition } from '../../src/inspector/trace/definition.ts'
import type { StateProjection, TraceRecord } from '../../src/inspector/trace/records.ts'

const head: TraceRecord = { type: 'trace', version: 1, program: 'test', pid: 1, at: 0 }

function actor(name: string): TraceRecord {
  return { type: '@xstate.actor', at: 0, actor: name, id: name, chart: 'test', parent: undefined, about: undefined }
}

function state(value: number): StateProjection {
  return { status: 'active', value: `s${value}`, context: { value } }
}

describe('a chronicle', () => {
  test('shows every actor at every step as it was then', () => {
    const step = fc.record({ name: fc.constantFrom('a', 'b', 'c'), value: fc.nat(5), changes: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const chronicle = new Chronicle(traceLimits)
        for (const record of [head, actor('a'), actor('b'), actor('c')]) chronicle.take(record)
        const then: Record<string, string | undefined>[] = []
        const now: Record<string, string | undefined> = {}
        for (const [at, { name, value, changes }] of steps.entries()) {
          const snapshot = changes ? { snapshot: state(value) } : {}
          chronicle.take({ type: '@xstate.snapshot', at, actor: name, event: { type: 'event' }, ...snapshot })
          if (changes) now[name] = `s${value}`
          then.push({ ...now })
        }
        for (const [index, states] of then.entries()) {
          for (const name of ['a', 'b', 'c']) {
            assert.equal(chronicle.lives.get(name)?.stateAt(index)?.snapshot.value, states[name])
          }
        }
      }),
    )
  })

  test('keeps so many steps, and of what came before what the actors were in', () => {
    const chronicle = new Chronicle({ maxSteps: 10, maxReadings: 10, maxEnded: 10 })
    for (const record of [head, actor('quiet'), actor('busy')]) chronicle.take(record)
    const take = (name: string, at: number) =>
      chronicle.take({ type: '@xstate.snapshot', at, actor: name, event: { type: 'event' }, snapshot: state(at) })
    take('quiet', 0)
    for (let at = 1; at < 100; at++) take('busy', at)
    assert.ok(chronicle.steps.length <= 11)
    assert.equal(chronicle.lives.get('quiet')?.stateAt(99)?.snapshot.value, 's0')
    assert.equal(chronicle.step(99)?.at, 99)
    assert.equal(chronicle.step(0), undefined)
  })

  test('refuses a trace of another version in words', () => {
    const record = { ...head, version: 2 } as unknown as TraceRecord
    assert.throws(() => new Chronicle().take(record), /version 2; this program reads version 1/)
  })
})

describe('a state', () => {
  const value = { joined: { phase: 'live', heartbeat: 'monitored' } }

  test('is written as people write it', () => {
    assert.equal(stateText(value), 'joined (live, monitored)')
    const snapshotting = { joined: { phase: { snapshotting: 'replaying' }, heartbeat: 'monitored' } }
    assert.equal(stateText(snapshotting), 'joined (snapshotting.replaying, monitored)')
    assert.equal(stateText({ stale: 'never_joined' }), 'stale.never_joined')
    assert.equal(stateText('subscribing'), 'subscribing')
  })

  test('has active states, down to the innermost', () => {
    const active = activeStates(definitionOf(subscriberChart), value)
    assert.ok(active.has('subscriber.joined.phase.live') && active.has('subscriber.joined'))
    assert.ok(!active.has('subscriber.stale'))
    assert.ok(matches(value, 'joined.phase.live') && !matches(value, 'joined.phase.snapshotting'))
  })
})

test('differences are told by their paths', () => {
  assert.deepEqual(differences({ a: 1, b: { c: 2, d: [1] } }, { a: 1, b: { c: 3, d: [1] }, e: null }), [
    { path: 'b.c', before: '2', after: '3' },
    { path: 'e', before: undefined, after: 'null' },
  ])
})

for (const chart of [brokerChart, endpointChart, subscriberChart, snapshotExchangeChart, clientSessionChart]) {
  test(`the definition of the chart ${chart.id} is JSON, its arrows lead to states, and no two have one key`, () => {
    const definition = definitionOf(chart)
    assert.deepEqual(JSON.parse(JSON.stringify(definition)), definition)
    const states = allStates(definition.root)
    const ids = new Set(states.map(({ id }) => id))
    const transitions = states.flatMap(each => each.transitions)
    assert.equal(new Set(transitions.map(({ key }) => key)).size, transitions.length)
    for (const { targets } of transitions) for (const target of targets) assert.ok(ids.has(target), target)
    for (const { initial } of states) assert.ok(initial === undefined || ids.has(initial))
  })
}

function allStates(state: StateDefinition): StateDefinition[] {
  return [state, ...state.states.flatMap(allStates)]
}
