import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createActor, createMachine, SimulatedClock } from 'xstate'
import { snapshotExchangeLogic } from '../../src/actors/snapshot-exchange.ts'
import { SnapshotExchanges } from '../../src/actors/snapshot-exchanges.ts'
import { subscriberLogic } from '../../src/actors/subscriber.ts'
import { Subscribers } from '../../src/actors/subscribers.ts'
import { Egress } from '../../src/delivery/egress.ts'
import { RoutingTable } from '../../src/delivery/routing.ts'
import type { EnvelopedMessage } from '../../src/protocol/frames.ts'
import { messageOf } from '../../src/protocol/message.ts'

/** Two subscribers that never join, and exchanges with small limits. */
function open(limits: { maxOpen: number; maxMerged: number }) {
  const supervisor = createActor(createMachine({}), { clock: new SimulatedClock() }).start()
  const bounds = { maxMessages: 1000, maxBytes: 1e6, whenFull: 'drop_oldest' } as const
  const subscribers = new Subscribers(new RoutingTable(), bounds, { overflowed() {}, recovered() {} })
  const subscriber = subscriberLogic({
    egress: new Egress(
      () => Promise.resolve(),
      () => Promise.resolve(),
      error => assert.fail(error as Error),
    ),
    delaysMs: { joinTimeout: 1e6, heartbeatTimeout: 1e6, evictAfter: 1e6 },
    find: topic => subscribers.find(topic),
    forget: topic => subscribers.forget(topic),
    tell() {},
  })
  const asked: string[] = []
  const closed: string[] = []
  const exchanges = new SnapshotExchanges(subscribers, limits)
  const logic = snapshotExchangeLogic({
    delaysMs: { answerTimeout: 1e6, quietTimeout: 1e6 },
    askApplications: id => {
      asked.push(id)
      exchanges.ask(id)
    },
    nobodyToAsk: requester => exchanges.nobodyToAsk(requester),
    closeExchange: (id, outcome) => {
      exchanges.close(id)
      closed.push(outcome)
    },
  })
  const [requester, application] = [
    subscribers.open(subscriber, supervisor, ['stix2'], 0),
    subscribers.open(subscriber, supervisor, ['x'], 0),
  ]
  return {
    exchanges,
    requester,
    application,
    asked,
    closed,
    ask: () => exchanges.open(logic, supervisor, requester.topic, { types: ['indicator'], days: 1 }),
    stop: () => subscribers.stopAll(),
  }
}

const answer = (modified = ''): EnvelopedMessage => ({
  snapshotId: '',
  message: messageOf('indicator', '{}', { object: { id: 'indicator', modified, removed: false } }),
})

describe('the open snapshot exchanges', () => {
  test('ask every subscriber but the requester', () => {
    const { ask, application, requester, stop } = open({ maxOpen: 10, maxMerged: 10 })
    ask()
    assert.equal(application.queue.length, 1)
    assert.equal(requester.queue.length, 0)
    stop()
  })

  test('hand on each version once, and what has none every time', () => {
    const { exchanges, ask, asked, requester, stop } = open({ maxOpen: 10, maxMerged: 10 })
    ask()
    const id = String(asked[0])
    assert.equal(exchanges.deliver(id, [answer('1'), answer('2'), answer('1'), answer()]), true)
    assert.equal(exchanges.deliver(id, [answer('2'), answer()]), true)
    assert.equal(requester.queue.length, 4)
    assert.equal(exchanges.deliver('unknown', [answer('a 3')]), false)
    stop()
  })

  test('remember no more versions than they may, and have room again when one is closed', () => {
    const { exchanges, ask, asked, requester, stop } = open({ maxOpen: 10, maxMerged: 1 })
    ask()
    ask()
    const [first, second] = asked.map(String) as [string, string]
    exchanges.deliver(first, [answer('a'), answer('b'), answer('a'), answer('b')])
    assert.equal(requester.queue.length, 3)
    exchanges.close(first)
    exchanges.deliver(second, [answer('c'), answer('c')])
    assert.equal(requester.queue.length, 4)
    stop()
  })

  test('give the oldest up when there are as many as may be', () => {
    const { exchanges, ask, closed, stop } = open({ maxOpen: 2, maxMerged: 10 })
    for (let count = 0; count < 5; count++) ask()
    assert.equal(exchanges.size, 2)
    assert.deepEqual(closed, ['crowded_out', 'crowded_out', 'crowded_out'])
    stop()
  })
})
