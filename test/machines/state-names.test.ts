import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StateValue } from 'xstate'
import { charts } from '../../.tools/chart-pictures.ts'
import { definitionOf, type StateDefinition } from '../../src/inspector/trace/definition.ts'
import { subscriberStateOf } from '../../src/observe/states.ts'

function pathsOf(state: StateDefinition): string[] {
  return state.states.flatMap(({ key, ...below }) => [key, ...pathsOf({ key, ...below }).map(path => `${key}.${path}`)])
}

test('the states of all charts are named in one style', () => {
  const names = [...charts.values()].flatMap(chart => pathsOf(definitionOf(chart).root))
  assert.ok(names.length > 100)
  assert.deepEqual(
    names.filter(name => !/^[a-z]+([_.][a-z]+)*$/.test(name)),
    [],
  )
})

test('a subscriber is subscribing, snapshotting, live, stale for a reason, and unsubscribed', () => {
  const chart = charts.get('subscriber')
  const paths = chart ? pathsOf(definitionOf(chart).root) : []
  const reasons = ['never_joined', 'disconnected', 'heartbeat_stopped', 'broker_restarted'].map(each => `stale.${each}`)
  const snapshotting = ['', '.replaying', '.gathering'].map(each => `joined.phase.snapshotting${each}`)
  for (const path of ['subscribing', ...snapshotting, 'joined.phase.live', 'stale', ...reasons, 'unsubscribed'])
    assert.ok(paths.includes(path), path)
})

test('those who watch a subscriber are told its state in one word', () => {
  const joined = (phase: StateValue) => ({ joined: { phase, heartbeat: 'monitored' } })
  const words: [StateValue, string][] = [
    ['subscribing', 'subscribing'],
    [joined({ snapshotting: 'replaying' }), 'replaying'],
    [joined({ snapshotting: 'gathering' }), 'gathering'],
    [joined('live'), 'live'],
    [{ stale: 'heartbeat_stopped' }, 'heartbeat_stopped'],
    ['suspended', 'suspended'],
  ]
  for (const [value, word] of words) assert.equal(subscriberStateOf(value), word)
})
