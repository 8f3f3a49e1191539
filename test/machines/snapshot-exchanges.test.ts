import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createActor, createMachine, SimulatedClock } from 'xstate'
import { snapshotExchangeLogic } from '../../src/actors/snapshot-exchange.ts'
import { SnapshotExchanges } from '../../src/actors/snapshot-exchanges.ts'
import { type Subscription, subscriberLogic } from '../../src/actors/subscriber.ts'
import { Subscribers } from '../../src/actors/subscribers.ts'
import type { Cursor } from '../../src/delivery/cursor.ts'
import { Egress } from '../../src/delivery/egress.ts'
import { MessageLog } from '../../src/delivery/message-log.ts'
import { everything } from '../../src/delivery/wanted.ts'
import type { EnvelopedMessage } from '../../src/protocol/frames.ts'
import { messageOf } from '../../src/protocol/message.ts'

const start = (topic: string) => ({ topics: [topic], snapshot: undefined, confirms: false, openSnapshots: 0 })

/** Two subscribers that never join, and exchanges with small limits. */
function open(limits: { maxOpen: number; maxMerged: number }) {
  const supervisor = createActor(createMachine({}), { clock: new SimulatedClock() }).start()
  const log = new MessageLog(undefined, { maxRecentMessages: 1000, maxRecentBytes: 1e6, durability: 'background' })
  const egress = new Egress(() => Promise.resolve())
  const subscribers = new Subscribers({
    log,
    egress,
    supplies: undefined,
    bounds: { maxDeliveries: 4, windowBytes: 1e6, networkBytes: 1e6 },
    connection: () => assert.fail(),
    received: () => assert.fail(),
    changed: () => assert.fail(),
    missed: () => assert.fail(),
    crowdedOut: () => assert.fail(),
  })
  const subscriber = subscriberLogic({
    delaysMs: { joinTimeout: 1e6, heartbeatTimeout: 1e6, evictAfter: 1e6 },
    async remember() {},
    find: topic => subscribers.find(topic),
    forget: topic => subscribers.forget(topic),
    tell() {},
  })
  const asked: string[] = []
  const closed: string[] = []
  const exchanges = new SnapshotExchanges({
    subscribers,
    limits,
    selections: undefined,
    publish: batch => log.append(batch),
  })
  const logic = snapshotExchangeLogic({
    delaysMs: { answerTimeout: 1e6, quietTimeout: 1e6 },
    selectFromHistory: id => exchanges.select(id),
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
    subscribers.open(subscriber, supervisor, start('stix2')),
    subscribers.open(subscriber, supervisor, start('x')),
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

/** Reads what a subscriber is sent. */
function readerOf({ queue }: Subscription): Cursor {
  const [delivery = queue.join({ hasRoom: true, nextPing: 1, send: () => 1, leave() {} }, everything)] =
    queue.deliveries
  queue.begin(delivery)
  return delivery.cursor as Cursor
}

/** How many messages wait; they wait no more. */
function waiting(subscription: Subscription): number {
  const cursor = readerOf(subscription)
  let messages = 0
  for (let { head } = cursor; head !== undefined; { head } = cursor, messages++) cursor.skip(head)
  return messages
}

const answer = (modified = ''): EnvelopedMessage => ({
  snapshotId: '',
  message: messageOf('indicator', '{}', { object: { id: 'indicator', modified, removed: false } }),
})

describe('the open snapshot exchanges', () => {
  test('ask every subscriber but the requester', () => {
    const { ask, application, requester, stop } = open({ maxOpen: 10, maxMerged: 10 })
    ask()
    assert.match(String(readerOf(application).head?.frame), /^snapshotrequest /)
    assert.equal(readerOf(requester).head, undefined)
    stop()
  })

  test('hand on each version once, and what has none every time', () => {
    const { exchanges, ask, asked, requester, stop } = open({ maxOpen: 10, maxMerged: 10 })
    ask()
    const id = String(asked[0])
    assert.equal(exchanges.deliver(id, [answer('1'), answer('2'), answer('1'), answer()]), true)
    assert.equal(exchanges.deliver(id, [answer('2'), answer()]), true)
    assert.equal(waiting(requester), 4)
    assert.equal(exchanges.deliver('unknown', [answer('a 3')]), false)
    stop()
  })

  test('remember no more versions than they may, and have room again when one is closed', () => {
    const { exchanges, ask, asked, requester, stop } = open({ maxOpen: 10, maxMerged: 1 })
    ask()
    ask()
    const [first, second] = asked.map(String) as [string, string]
    exchanges.deliver(first, [answer('a'), answer('b'), answer('a'), answer('b')])
    assert.equal(waiting(requester), 3)
    exchanges.close(first)
    exchanges.deliver(second, [answer('c'), answer('c')])
    assert.equal(waiting(requester), 1)
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
