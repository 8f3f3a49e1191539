import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { compare, measureInTurn } from './comparison.ts'
import { type BusContestant, startFloor } from './contestants.ts'
import { IndicatorMint, indicatorTopic } from './indicators.ts'
import { Load, type Measurement } from './load.ts'
import { Requester } from './requester.ts'
import { median, percentile } from './statistics.ts'
import { Tally } from './tally.ts'

// The benchmark's own arithmetic, and its load generator against its floor:
//
//   publisher ──sub──▶ floor ──pub──▶ subscriber 1
//                            └──pub──▶ subscriber 2

let floor: BusContestant
before(async () => {
  floor = await startFloor()
})
after(() => floor.stop())

test('each of two subscribers receives every message of the load once', async () => {
  const load = await Load.start(floor, { subscribers: 2, bytes: 500 })
  const probes = (await load.account()).received
  await load.publish(300)
  await load.publish(700)
  assert.deepEqual(await load.end(), { received: probes + 2_000, lost: 0, duplicated: 0, reordered: 0, foreign: 0 })
})

test('a load by the clock has latencies', async () => {
  const load = await Load.start(floor, { subscribers: 2, bytes: 500, rate: 1_000 })
  const { latencyP50 = 0, latencyP99 = 0 } = await load.measure(0.2)
  const { lost } = await load.end()
  assert.equal(lost, 0)
  assert.ok(latencyP50 > 0 && latencyP99 >= latencyP50, `p50 ${latencyP50}, p99 ${latencyP99}`)
})

test('a number of messages is measured until the last has arrived', async () => {
  const load = await Load.start(floor, { subscribers: 2, bytes: 500, window: 10 })
  const { messagesPerSecond, deliveriesPerSecond } = await load.deliver(200)
  assert.ok(messagesPerSecond > 0)
  assert.equal(Math.round(deliveriesPerSecond / messagesPerSecond), 2)
  assert.equal((await load.end()).lost, 0)
})

test('a requester has its answers, and throws when the broker does not agree', async () => {
  const requester = await Requester.connect(floor.manage)
  const { topic } = await requester.ask({ action: 'subscribe', topic: indicatorTopic })
  await requester.ask({ action: 'heartbeat', topic })
  await requester.ask({ action: 'unsubscribe', topic })
  await assert.rejects(requester.ask({ action: 'heartbeat', topic }), /"status":"error"/)
  requester.close()
})

test('both are measured as often, and each goes first as often as the other', async () => {
  const order: string[] = []
  const measure = (name: string) => async () => order.push(name)
  const pairs = await measureInTurn(4, { floor: measure('floor'), broker: measure('broker') })
  assert.deepEqual(order, ['floor', 'broker', 'broker', 'floor', 'floor', 'broker', 'broker', 'floor'])
  assert.deepEqual(pairs[1], { floor: 4, broker: 3 })
})

test('indicators have exactly the size asked for and nothing in common but the rest', () => {
  const mint = new IndicatorMint(500)
  const [first, second] = [mint.coin(0, 1), mint.coin(1_234_567, 1_234_568)].map(message => {
    const body = message.subarray(message.indexOf('{'))
    assert.equal(body.length, 500)
    return JSON.parse(body.toString())
  })
  assert.equal(second.id, `indicator--${mint.marker}000001234567`)
  assert.equal(second.pattern, "[domain-name:value = 'h000001234567.example.com']")
  assert.deepEqual({ ...first, id: second.id, pattern: second.pattern }, second)
  assert.throws(() => new IndicatorMint(100), RangeError)
})

test('a tally tells lost, duplicated and reordered messages apart', () => {
  const tally = new Tally()
  for (const sequence of [5, 6, 8, 7, 7, 6, 12, 13]) tally.take(sequence)
  assert.equal(tally.received, 8)
  assert.equal(tally.reordered, 1, '7 came late')
  assert.equal(tally.duplicated, 2, '7 and 6 came again')
  assert.equal(tally.lost(14), 3, '9, 10 and 11 did not come')
  assert.equal(tally.lost(16), 5, 'neither did 14 and 15')
})

test('a tally without any message has lost all', () => {
  assert.equal(new Tally().lost(4), 4)
})

test('the median of an even number of values lies between the two in the middle', () => {
  assert.equal(median([10, 1, 3]), 3)
  assert.equal(median([10, 1, 3, 4]), 3.5)
})

test('a percentile is a value that occurs', () => {
  const values = Array.from({ length: 200 }, (_, index) => index + 1)
  assert.equal(percentile(values, 0.5), 100)
  assert.equal(percentile(values, 0.99), 198)
  assert.equal(percentile(values, 1), 200)
  assert.equal(percentile([7], 0.5), 7)
})

test('the ratio is the median of the pairs, not the ratio of the medians', () => {
  const measured = (cpuPerDelivery: number | undefined) => ({ cpuPerDelivery }) as Measurement
  const pairs = [
    { floor: measured(1), broker: measured(2) },
    { floor: measured(10), broker: measured(20) },
    { floor: measured(4), broker: measured(5) },
  ]
  assert.deepEqual(compare(pairs, 'cpuPerDelivery'), { floor: 4, broker: 5, ratio: 2 })
  const unknown = { floor: measured(1), broker: measured(undefined) }
  assert.equal(compare([...pairs, unknown], 'cpuPerDelivery'), undefined)
})
