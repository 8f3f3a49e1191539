import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Subscription } from '../../src/actors/subscriber.ts'
import { batchOf } from '../../src/delivery/batch.ts'
import type { Line } from '../../src/delivery/delivery.ts'
import type { Message } from '../../src/protocol/message.ts'
import { numbered } from '../delivery/logs.ts'
import { household, settled } from './household.ts'

/** A connection that takes what it has room for, and acknowledges it when it is told to. */
class Wire implements Line {
  hasRoom: boolean
  nextPing = 1
  #isDue = false

  constructor(hasRoom: boolean) {
    this.hasRoom = hasRoom
  }

  send(_run: readonly Message[]): void {
    this.#isDue = true
  }

  /** A PING follows what was sent. */
  ping(): void {
    if (this.#isDue) this.nextPing++
    this.#isDue = false
  }

  leave(): void {}
}

/** What can become of a subscriber while its broker stops. */
const happenings = ['takes', 'acknowledges', 'breaks', 'joins again', 'is heard', 'unsubscribes', 'fails'] as const
const happening = fc.oneof(
  fc.record({ who: fc.nat(3), what: fc.constantFrom(...happenings) }),
  // Heartbeats stop, and libraries turn out not to acknowledge.
  fc.constant('a second passes' as const),
)

describe('a broker that stops', () => {
  test('ends as soon as nothing more is to come of what it sends, and no sooner', async () => {
    const beginning = fc.record({ hasJoined: fc.boolean(), hasRoom: fc.boolean(), acknowledges: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(
        fc.array(beginning, { minLength: 1, maxLength: 4 }),
        fc.nat(3),
        fc.array(happening, { maxLength: 12 }),
        async (beginnings, published, fate) => {
          let endedWith: boolean | undefined
          const failing = new Set<string>()
          const wires: Wire[] = []
          const house = household({
            askWhatArrived: () => {
              for (const wire of wires) wire.ping()
            },
            reportUndelivered: () => {
              endedWith = isAnythingToCome(house.subscribers)
            },
            tell: topic => {
              if (failing.has(topic)) throw new Error('a bug')
            },
          })
          house.supervisor.start()
          await settled()
          for (const each of Object.values(house.sockets)) each.listen(1)
          await settled()
          const join = (topic: string, hasRoom: boolean) => {
            const wire = new Wire(hasRoom)
            wires.push(wire)
            const events = house.subscribers.connect(topic, wire)
            events?.wants([''])
            return { wire, events }
          }
          const lives = beginnings.map(({ hasJoined, hasRoom, acknowledges }) => {
            const { topic, actor } = house.subscribe(['stix2'])
            const joined = hasJoined ? join(topic, hasRoom) : undefined
            if (acknowledges) joined?.events?.acknowledged(0)
            return { topic, actor, joined }
          })
          if (published > 0) house.log.append(batchOf(Array.from({ length: published }, () => numbered('indicator'))))
          await settled()
          house.supervisor.send({ type: 'stop' })
          await settled()
          for (const each of fate) {
            if (house.supervisor.getSnapshot().status !== 'active') break
            assert.ok(isAnythingToCome(house.subscribers), 'it waits for something')
            if (each === 'a second passes') for (let ms = 0; ms < 1000; ms += 100) house.clock.increment(100)
            else {
              const life = lives[each.who % lives.length] as (typeof lives)[number]
              const { wire, events } = life.joined ?? {}
              const isThere = life.actor.getSnapshot().status === 'active'
              if (each.what === 'takes' && wire && isThere) {
                wire.hasRoom = true
                events?.drained()
              } else if (each.what === 'acknowledges' && wire && isThere) events?.acknowledged(wire.nextPing - 1)
              else if (each.what === 'breaks') {
                events?.closed()
                life.joined = undefined
              } else if (each.what === 'joins again' && isThere) life.joined ??= join(life.topic, true)
              else if (each.what === 'is heard' && isThere) life.actor.send({ type: 'heartbeat.received' })
              else if (each.what === 'unsubscribes' && isThere) life.actor.send({ type: 'unsubscribe.requested' })
              else if (each.what === 'fails' && isThere) {
                failing.add(life.topic)
                life.actor.send({ type: 'operator.dropped' })
              }
            }
            await settled()
          }
          const isOver = house.supervisor.getSnapshot().status !== 'active'
          assert.equal(isOver, endedWith === false, 'it ended when nothing was to come')
          if (!isOver) assert.ok(isAnythingToCome(house.subscribers), 'it waits for something')
          house.supervisor.stop()
        },
      ),
      { numRuns: 60 },
    )
  })
})

/** Does something wait for who is there, or is it on its way to who acknowledges? */
function isAnythingToCome(subscribers: Iterable<Subscription>): boolean {
  return [...subscribers].some(({ actor, queue }) => {
    const waits = actor.getSnapshot().matches('joined') && queue.lag > 0
    return waits || [...queue.deliveries].some(each => each.boundBy === 'window' && each.unacknowledgedBytes > 0)
  })
}
