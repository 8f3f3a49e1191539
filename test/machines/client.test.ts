import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createActor } from 'xstate'
import { getShortestPaths } from 'xstate/graph'
import { clientLogic } from '../../src/client/lifecycle.ts'
import { PretendedWork } from './pretended-work.ts'

/** What happens to a connection: the application closes it, and a step of that is done in time, or was given up. */
type Happening = 'close' | 'ended' | 'receipts' | 'no receipts' | 'sent' | 'not sent'

/** A connection whose work is only pretended. */
function client() {
  const work = new PretendedWork()
  const calls: string[] = []
  const logic = clientLogic({
    refuseWork: () => calls.push('refuse'),
    endSubscriptions: () => work.begin('end'),
    awaitReceipts: () => work.begin('receipts'),
    sendRest: () => work.begin('send'),
    tellAbandoned: () => calls.push('abandoned'),
  })
  const actor = createActor(logic).start()
  const happen = async (happening: Happening) => {
    if (happening === 'close') {
      if (actor.getSnapshot().status === 'active') actor.send({ type: 'close' })
    } else if (happening === 'ended') work.done('end')
    else if (happening.endsWith('receipts')) work.done('receipts', happening === 'receipts')
    else work.done('send', happening === 'sent')
    await setImmediate()
  }
  return { actor, work, calls, happen }
}

describe('a connection to a bus', () => {
  test('ends its subscriptions, then waits for receipts, then for what leaves without, each once', async () => {
    const { actor, work, calls, happen } = client()
    await happen('close')
    assert.deepEqual([work.names, calls], [['end'], ['refuse']])
    await happen('close')
    await happen('ended')
    assert.deepEqual(work.names, ['receipts'])
    await happen('receipts')
    assert.deepEqual(work.names, ['send'])
    await happen('sent')
    assert.deepEqual([actor.getSnapshot().value, calls], ['closed', ['refuse']])
  })

  for (const late of [['no receipts', 'sent'] as const, ['receipts', 'not sent'] as const]) {
    test(`tells once that something was given up: ${late.join(', ')}`, async () => {
      const { calls, happen } = client()
      for (const happening of ['close', 'ended', ...late] as const) await happen(happening)
      assert.deepEqual(calls, ['refuse', 'abandoned'])
    })
  }

  test('is not harmed by a session that fails', () => {
    const { actor } = client()
    actor.send({ type: 'xstate.error.actor.session.1', error: new Error('a session failed'), actorId: 'session.1' })
    assert.equal(actor.getSnapshot().value, 'open')
  })

  test('comes to its end from wherever it is', async () => {
    const logic = clientLogic({
      refuseWork: () => {},
      endSubscriptions: async () => {},
      awaitReceipts: async () => true,
      sendRest: async () => true,
      tellAbandoned: () => {},
    })
    const events = [
      { type: 'close' as const },
      { type: 'xstate.done.actor.endSubscriptions' as const, output: undefined, actorId: 'endSubscriptions' },
      { type: 'xstate.done.actor.awaitReceipts' as const, output: true, actorId: 'awaitReceipts' },
      { type: 'xstate.done.actor.sendRest' as const, output: true, actorId: 'sendRest' },
    ]
    const reached = getShortestPaths(logic, { events: events as never }).map(({ state }) => JSON.stringify(state.value))
    assert.ok(reached.includes('"closed"'))
    for (const value of ['unsubscribing', 'awaiting_receipts', 'sending']) {
      assert.ok(reached.includes(JSON.stringify({ closing: value })), value)
    }
  })
})
