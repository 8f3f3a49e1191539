import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createActor, createMachine, SimulatedClock } from 'xstate'
import { snapshotExchangeLogic } from '../../src/actors/snapshot-exchange.ts'
import { SnapshotExchanges, type SnapshotLimits, snapshotWish } from '../../src/actors/snapshot-exchanges.ts'
import { type Subscription, subscriberLogic } from '../../src/actors/subscriber.ts'
import { Subscribers } from '../../src/actors/subscribers.ts'
import type { Cursor } from '../../src/delivery/cursor.ts'
import { Egress } from '../../src/delivery/egress.ts'
import { MessageLog } from '../../src/delivery/message-log.ts'
import { Selections } from '../../src/delivery/selections.ts'
import { everything } from '../../src/delivery/wanted.ts'
import type { EnvelopedMessage } from '../../src/protocol/frames.ts'
import { type Message, messageOf } from '../../src/protocol/message.ts'
import { loggedBatch } from '../history/log-arbitraries.ts'
import { openStore } from '../history/log-directory.ts'
import { inDirectory } from '../history/subscription-arbitraries.ts'
import { settled } from './household.ts'

const start = (topic: string, address = '') => {
  return { topics: [topic], address, snapshot: undefined, confirms: false, openSnapshots: 0 }
}

/** Two subscribers that never join, and exchanges with small limits. */
function open({
  maxRequestsPerSecond = 1e6,
  selections,
  ...others
}: Partial<SnapshotLimits> & { maxOpen: number; maxMerged: number; selections?: Selections }) {
  const limits = { maxRequestsPerSecond, ...others }
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
    remember() {},
    remembered: () => assert.fail(),
    find: topic => subscribers.find(topic),
    forget: topic => subscribers.forget(topic),
    tell() {},
  })
  const asked: string[] = []
  const closed: string[] = []
  const published: Message[] = []
  const exchanges = new SnapshotExchanges({
    subscribers,
    limits,
    selections,
    publish: batch => {
      published.push(...batch.messages)
      log.append(batch)
    },
  })
  const logic = snapshotExchangeLogic({
    delaysMs: { answerTimeout: 1e6, quietTimeout: 1e6 },
    selectFromHistory: id => exchanges.select(id),
    queueRequests: id => exchanges.queueRequests(id),
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
    ask: (by: Subscription = requester) => {
      exchanges.open(logic, supervisor, by.topic, { types: ['indicator'], days: 1 })
    },
    published,
    subscribe: (address: string, snapshot?: Subscription['snapshot']) => {
      return subscribers.open(subscriber, supervisor, { ...start('stix2', address), snapshot })
    },
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

  test('give the oldest up of the address that has most, and none of anybody else', () => {
    const { exchanges, ask, subscribe, stop } = open({ maxOpen: 20, maxMerged: 10 })
    const honest = Array.from({ length: 10 }, (_, each) => subscribe(`honest ${each}`))
    for (const each of honest) ask(each)
    const greedy = subscribe('greedy')
    for (let count = 0; count < 100; count++) ask(greedy)
    for (const { topic } of honest) assert.equal(exchanges.openFor(topic).length, 1)
    assert.equal(exchanges.openFor(greedy.topic).length, 10)
    // Whoever else comes is at the cost of the one who has most.
    const late = subscribe('late')
    ask(late)
    assert.deepEqual([exchanges.openFor(late.topic).length, exchanges.openFor(greedy.topic).length], [1, 9])
    stop()
  })

  test('ask as many applications a second as may be, addresses in turn, and nobody for who has left', async () => {
    const { exchanges, ask, asked, subscribe, stop } = open({ maxOpen: 100, maxMerged: 10, maxRequestsPerSecond: 300 })
    const greedy = Array.from({ length: 80 }, () => subscribe('greedy'))
    // There are 81 others for each: that is about four a second.
    for (const each of greedy) ask(each)
    await settled()
    assert.ok(asked.length < 80)
    const honest = subscribe('honest')
    ask(honest)
    const [honestId = ''] = exchanges.openFor(honest.topic)
    await settled()
    const before = asked.indexOf(honestId) < 0 ? asked.length : asked.indexOf(honestId)
    assert.ok(exchanges.heldBack > 0)
    // All but two leave of those that wait.
    const ids = greedy.flatMap(({ topic }) => exchanges.openFor(topic)).filter(id => !asked.includes(id))
    const left = new Set(ids.slice(2))
    for (const { topic } of greedy) if (left.has(exchanges.openFor(topic)[0] ?? '')) exchanges.requesterLeft(topic)
    while (asked.length < 81 - left.size) await settled()
    assert.deepEqual(
      asked.filter(id => left.has(id)),
      [],
    )
    assert.ok(asked.indexOf(honestId) <= before + 1, 'it is the next but one at the latest')
    stop()
  })

  test('of one range merge answers with one selection, which is remembered once, as long as one of them is open', async t => {
    await inDirectory(async directory => {
      const { store } = await openStore(directory)
      t.after(() => store.close())
      const object = (id: number, modified: string) => ({ id: `indicator--${id}`, modified, removed: false })
      const [old, now] = ['2026-11-24T07:00:00Z', '2026-11-24T08:00:00Z'] as const
      const logged = [1, 2, 3, 4, 5].map(id => messageOf('indicator', '{}', { object: object(id, old) }))
      store.append(loggedBatch(logged, 1))
      store.append(loggedBatch([messageOf('indicator', '{}', { object: object(1, now) })], 6))
      const select = t.mock.method(store, 'select')
      const selections = new Selections(store, { maxSelections: 2, turnMs: 0 })
      const { signal } = new AbortController()
      // While that one is made, all others come.
      const other = selections.of({ topic: '', address: '' }, { sinceMs: 0, upTo: 1 }, { types: ['indicator'], signal })
      // Room for six: what one selection has, with the version that was replaced in between.
      const { exchanges, ask, asked, published, subscribe, stop } = open({ maxOpen: 10, maxMerged: 6, selections })
      const requesters = [5, 6, 6].map(upTo => subscribe('', { from: 1, sinceMs: 0, upTo }))
      for (const each of requesters) ask(each)
      await other
      while (asked.length < 3) await settled()
      assert.equal(select.mock.callCount(), 2)
      for (const [at, { topic }] of requesters.entries()) {
        const [id = ''] = exchanges.openFor(topic)
        const answers = [object(1, at === 0 ? old : now), object(2, old), object(2, now)]
        const messages = answers.map(each => ({
          snapshotId: id,
          message: messageOf('indicator', '{}', { object: each }),
        }))
        exchanges.deliver(id, messages)
        const received = published.filter(({ audience }) => audience && 'only' in audience && audience.only === topic)
        assert.equal(received.length, 1, 'what the history does not have')
        assert.equal(exchanges.unmerged, at + 1, 'there was no room for that')
      }
      for (const { topic } of requesters) exchanges.requesterLeft(topic)
      // All of the room is free again.
      ask()
      await settled()
      exchanges.deliver(
        asked.at(-1) ?? '',
        [1, 2, 3, 4, 5, 6].map(each => answer(`${each}`)),
      )
      assert.equal(exchanges.unmerged, 3)
      stop()
    })
  })
})

describe('the snapshot that a subscription asks for', () => {
  test('is one, of every type that any of its topics covers', () => {
    const topics = fc.array(fc.constantFrom('stix2', 'stix2/', 'stix2/indicator', 'stix2/sighting', 'stix2/ind', 'x'))
    fc.assert(
      fc.property(topics, fc.nat(2), (topics, days) => {
        const types = ['indicator', 'sighting'].filter(type =>
          topics.some(topic => ['stix2', 'stix2/', `stix2/${type}`].includes(topic)),
        )
        const expected = days > 0 && types.length > 0 ? { types, days } : undefined
        assert.deepEqual(snapshotWish(topics, days), expected)
        assert.deepEqual(snapshotWish([...topics, ...topics], days), expected)
      }),
    )
  })
})
