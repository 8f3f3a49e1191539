import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { household } from './household.ts'

/** A connection that takes nothing. */
const line = () => ({ hasRoom: false, nextPing: 1, send() {}, leave() {} })

describe('the connections of one subscriber', () => {
  test('are as many as may be, and no more actors than that', () => {
    const { subscribe, subscribers } = household()
    const { topic, connections, queue } = subscribe(['stix2'])
    let left = 0
    const joined = Array.from({ length: 10 }, () => {
      const events = subscribers.connect(topic, { ...line(), leave: () => left++ })
      // Nothing is done for who has not joined.
      assert.equal([...connections].length, queue.deliveries.size)
      events?.wants([''])
      return events
    })
    assert.equal(queue.deliveries.size, 4)
    assert.equal([...connections].length, 4)
    assert.equal(left, 6)
    for (const events of joined.slice(6)) events?.closed()
    assert.equal(queue.deliveries.size, 0)
    assert.equal(connections.areJoined, false)
  })

  test('have to wait when many join one after the other, and those of others have not', () => {
    const { subscribe, subscribers } = household()
    const { topic } = subscribe(['stix2'])
    let joins = 0
    for (
      let events = subscribers.connect(topic, line());
      events?.mayJoin;
      events = subscribers.connect(topic, line())
    ) {
      events.wants([''])
      assert.ok(joins++ < 1000, 'it never has to wait')
    }
    assert.ok(joins > 4)
    assert.equal(subscribers.connect(subscribe(['stix2']).topic, line())?.mayJoin, true)
  })

  test('that join for no type that there is leave their subscriber as it was', () => {
    const { subscribe, subscribers } = household()
    const { topic, actor, connections } = subscribe(['stix2'])
    const events = subscribers.connect(topic, line())
    events?.wants(['nothing of the kind'])
    assert.equal(connections.areJoined, false)
    assert.equal(actor.getSnapshot().matches('subscribing'), true)
    events?.closed()
    assert.equal(actor.getSnapshot().matches('subscribing'), true)
  })
})
