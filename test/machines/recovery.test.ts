import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SubscriptionRecords } from '../../src/actors/subscription-records.ts'
import { batchOf } from '../../src/delivery/batch.ts'
import type { Line } from '../../src/delivery/delivery.ts'
import type { Standing } from '../../src/delivery/standing.ts'
import type { StoredSubscription } from '../../src/history/subscriptions/stored-subscription.ts'
import { connectionFlowOf } from '../../src/observe/states.ts'
import type { Message } from '../../src/protocol/message.ts'
import { numbered, openLog } from '../delivery/logs.ts'
import { MemoryStore } from '../delivery/memory-store.ts'
import { household, settled } from './household.ts'

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ publish: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 4, arbitrary: fc.record({ arrive: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 6, arbitrary: fc.constantFrom('confirm' as const, 'break' as const, 'notice' as const, 'join' as const) },
  { weight: 1, arbitrary: fc.constant('a second passes' as const) },
  { weight: 1, arbitrary: fc.record({ crash: fc.nat({ max: 4 }) }) },
)

type Step = typeof step extends fc.Arbitrary<infer Each> ? Each : never

/** A connection to the application's library. */
class Wire implements Line {
  readonly hasRoom = true
  readonly nextPing = 1
  readonly pipe: string[] = []
  #events: { closed(): void } | undefined

  send(run: readonly Message[]): void {
    for (const { frame } of run) this.pipe.push(String(frame))
  }

  leave(): void {}

  join(subscribers: ReturnType<typeof household>['subscribers'], topic: string): void {
    const events = subscribers.connect(topic, this)
    events?.wants([''])
    this.#events = events
  }

  notice(): void {
    this.#events?.closed()
  }
}

/** A broker whose charts and queue run, its disk, and one application that counts what it receives. */
class World {
  readonly #store = new MemoryStore()
  #disk = new Map<string, StoredSubscription>()
  #opened = openLog(this.#store)
  #house = this.#open()
  #topic = ''
  /** Connections that the broker has not noticed the end of; the last is the application's, if it has one. */
  #wires: Wire[] = []
  #isConnected = false
  readonly received: string[] = []
  /** Was it sent more by a count that may have been too low? Then things may come twice, and it is followed by its library. */
  wasBelieved = false
  readonly published: { readonly frame: string; isLost: boolean }[] = []

  async begin(): Promise<void> {
    this.#house.supervisor.start()
    await settled()
    this.#topic = this.#house.subscribe(['stix2'], 0, true).topic
  }

  /** Where the subscriber stands, and what is done on the connections that are open. */
  get place(): { readonly standing: Standing['kind'] | undefined; readonly flows: readonly (string | undefined)[] } {
    const { queue, connections = [] } = this.#house.subscribers.find(this.#topic) ?? {}
    const flows = [...connections].map(({ actor }) => connectionFlowOf(actor.getSnapshot().value))
    return { standing: queue?.standing, flows: flows.filter(flow => flow !== undefined) }
  }

  async take(each: Step): Promise<void> {
    const { standing, flows } = this.place
    // It said what it received before it was back, and nothing since: it may have received more.
    if (each === 'a second passes' && standing === 'counted' && flows.includes('resuming')) this.wasBelieved = true
    if (each === 'confirm') this.#confirm()
    else if (each === 'break') this.#isConnected = false
    else if (each === 'notice') this.#notice()
    else if (each === 'join') this.#join()
    else if (each === 'a second passes') for (let ms = 0; ms < 1000; ms += 100) this.#house.clock.increment(100)
    else if ('publish' in each) this.#publish(each.publish)
    else if ('arrive' in each) this.#arrive(each.arrive)
    else await this.#crash(each.crash)
    await settled()
  }

  /** The application is connected, and says what it has, until everything has arrived. */
  async finish(): Promise<void> {
    while (this.#wires.length > (this.#isConnected ? 1 : 0)) await this.take('notice')
    for (let turns = 0; turns < 6; turns++) {
      for (const each of ['join', { arrive: 1000 }, 'confirm', 'a second passes'] as const) await this.take(each)
    }
  }

  #confirm(): void {
    const actor = this.#house.subscribers.find(this.#topic)?.actor
    actor?.send({ type: 'heartbeat.received' })
    actor?.send({ type: 'frames.confirmed', received: this.received.length, answer() {} })
  }

  /** The end of the oldest connection is noticed, unless that works. */
  #notice(): void {
    if (this.#wires.length > (this.#isConnected ? 1 : 0)) this.#wires.shift()?.notice()
  }

  #join(): void {
    // So many connections may join in a second, by a clock that is not simulated.
    if (this.#isConnected || this.#wires.length >= 3) return
    const wire = new Wire()
    this.#wires.push(wire)
    this.#isConnected = true
    wire.join(this.#house.subscribers, this.#topic)
  }

  #publish(count: number): void {
    const messages = Array.from({ length: count }, () => numbered('indicator'))
    for (const { frame } of messages) this.published.push({ frame: String(frame), isLost: false })
    this.#opened.log.append(batchOf(messages))
  }

  #arrive(atMost: number): void {
    if (this.#isConnected) this.received.push(...(this.#wires.at(-1)?.pipe.splice(0, atMost) ?? []))
  }

  /** The broker is killed, and so many of the messages that were not on disk yet are lost. */
  async #crash(lost: number): Promise<void> {
    const kept = this.#store.loseLast(lost)
    for (const each of this.published.filter(({ isLost }) => !isLost).slice(kept)) each.isLost = true
    this.#wires = []
    this.#isConnected = false
    // What the dead one would write yet does not reach the disk.
    this.#disk = new Map(this.#disk)
    this.#opened = openLog(this.#store)
    this.#house = this.#open()
    this.#house.supervisor.start()
    await settled()
  }

  #open() {
    const disk = this.#disk
    const records = new SubscriptionRecords(
      {
        put: record => void disk.set(record.topic, record),
        move: (topic, position, frames) => {
          const record = disk.get(topic)
          if (record) disk.set(topic, { ...record, position, frames })
        },
        remove: topic => void disk.delete(topic),
        written: async () => {},
      },
      100,
      () => [],
    )
    const delaysMs = { joinTimeout: 1e6, heartbeatTimeout: 1e6, evictAfter: 1e6 }
    return household({ opened: this.#opened, records, left: [...disk.values()], delaysMs })
  }
}

test('break, confirm, crash and restore in any order: the chart and the standing agree, and everything comes once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25, size: 'max' }), async steps => {
      const world = new World()
      await world.begin()
      for (const each of steps) {
        await world.take(each)
        const { standing, flows } = world.place
        // Who is waited for waits for nothing that is known already, and what it says is looked for.
        const isPlaceKnown = standing === 'acknowledging' || standing === 'counting'
        assert.ok(!(isPlaceKnown && flows.includes('resuming')), `${standing}, ${flows}`)
        assert.ok(standing !== 'counting' || flows.length === 0 || flows.includes('flowing'), `${flows}`)
        assert.ok(!flows.includes('locating') && !flows.includes('recording'), 'nothing stays in between')
        assert.ok(standing !== 'acknowledging' || world.wasBelieved, 'its count is not given up')
        if (each === 'a second passes') assert.ok(standing !== 'counted' || flows.length === 0, 'it is believed')
      }
      await world.finish()
      const { standing, flows } = world.place
      assert.ok(standing === 'counting' || (standing === 'acknowledging' && world.wasBelieved), standing)
      assert.ok(flows.length > 0 && flows.every(flow => flow === 'flowing'), `${flows}`)
      const received = world.wasBelieved ? [...new Set(world.received)].toSorted() : world.received
      const lost = new Set(world.published.filter(({ isLost }) => isLost).map(({ frame }) => frame))
      assert.deepEqual(
        received.filter(frame => !lost.has(frame)),
        world.published.filter(({ isLost }) => !isLost).map(({ frame }) => frame),
      )
      assert.equal(new Set(received).size, received.length, 'nothing comes twice')
    }),
    { numRuns: 60 },
  )
})
