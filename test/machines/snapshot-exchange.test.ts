import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createActor, SimulatedClock } from 'xstate'
import { snapshotExchangeLogic } from '../../src/actors/snapshot-exchange.ts'

/** An exchange in simulated time: answers within 100 ms, complete after 50 ms of quiet. */
function exchange(nobodyToAsk = false, wasAsked = false) {
  const calls: string[] = []
  const logic = snapshotExchangeLogic({
    delaysMs: { answerTimeout: 100, quietTimeout: 50 },
    selectFromHistory: id => calls.push(`select ${id}`),
    queueRequests: id => calls.push(`queue ${id}`),
    askApplications: id => calls.push(`ask ${id}`),
    nobodyToAsk: () => nobodyToAsk,
    closeExchange: (id, outcome) => calls.push(`close ${id} ${outcome}`),
  })
  const clock = new SimulatedClock()
  const actor = createActor(logic, { clock, input: { snapshotId: 'id', requester: 'p2p', wasAsked } }).start()
  if (!wasAsked) {
    assert.deepEqual(calls.splice(0), ['select id'])
    actor.send({ type: 'history.selected' })
    assert.deepEqual(calls.splice(0), ['queue id'])
    actor.send({ type: 'requests.admitted' })
  }
  const wait = (ms: number) => {
    for (let passed = 0; passed < ms; passed++) clock.increment(1)
  }
  return { actor, calls, wait, state: () => actor.getSnapshot().value }
}

describe('a snapshot exchange', () => {
  test('asks once it is known what the history has, and is complete when no envelope has come for a while', () => {
    const { actor, calls, wait, state } = exchange()
    assert.deepEqual(calls, ['ask id'])
    for (let envelope = 0; envelope < 10; envelope++) {
      wait(40)
      actor.send({ type: 'envelope.received' })
      assert.equal(state(), 'gathering')
    }
    wait(50)
    assert.equal(state(), 'complete')
    assert.deepEqual(calls.slice(1), ['close id complete'])
  })

  test('does not ask again what was asked before a restart', () => {
    const { calls, wait, state } = exchange(false, true)
    assert.equal(state(), 'gathering')
    wait(50)
    assert.equal(state(), 'complete')
    assert.deepEqual(calls, ['close id complete'])
  })

  test('is complete at once when there is nobody to ask', () => {
    const { calls, state } = exchange(true)
    assert.equal(state(), 'complete')
    assert.deepEqual(calls.slice(1), ['close id nobody_asked'])
  })

  test('expires when nobody answers', () => {
    const { calls, wait, state } = exchange()
    wait(100)
    assert.equal(state(), 'expired')
    assert.deepEqual(calls.slice(1), ['close id nobody_answered'])
  })

  for (const answered of [false, true]) {
    for (const [event, outcome] of [
      ['requester.left', 'requester_left'],
      ['exchange.crowdedOut', 'crowded_out'],
    ] as const) {
      test(`expires on ${event} ${answered ? 'while gathering' : 'while asking'}`, () => {
        const { actor, calls, state } = exchange()
        if (answered) actor.send({ type: 'envelope.received' })
        actor.send({ type: event })
        assert.equal(state(), 'expired')
        assert.deepEqual(calls.slice(1), [`close id ${outcome}`])
      })
    }
  }
})
