import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { batchOf } from '../../src/delivery/batch.ts'
import { maxMarks } from '../../src/delivery/in-flight.ts'
import { wantedBy, wantedTypes } from '../../src/delivery/wanted.ts'
import type { Interest, MessageType } from '../../src/protocol/topics.ts'
import { Application, windowFrames } from './application.ts'
import { wantedBy as isWantedBy, numbered, openLog } from './logs.ts'
import { MemoryStore } from './memory-store.ts'

const interest = fc.constantFrom<Interest>('both', 'indicator', 'sighting')
const publishing = fc.record({
  publish: fc.array(fc.constantFrom<MessageType>('indicator', 'sighting'), { minLength: 1, maxLength: 9 }),
})
/** What goes well. */
const working = fc.oneof(
  publishing,
  fc.record({ send: fc.integer({ min: 1, max: 8 }) }),
  fc.record({ arrive: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ say: fc.integer({ min: 0, max: 12 }) }),
  fc.constantFrom({ acknowledge: true as const }, { ping: true as const }, { persist: true as const }),
)
/** What breaks, and is mended; who comes back before that is noticed again and again has more connections than may be. */
const breaking = fc.constantFrom(
  { connect: true as const },
  { disconnect: true as const },
  { notice: true as const },
  { comeBack: true as const },
)
/** Joining by topic and type, and changing that. */
const wanting = fc.record({
  want: fc.constantFrom([''], ['indicator'], ['sighting '], ['indicator', 'sighting'], []),
})
/** The broker is killed, and so many of the messages that were not on disk yet are lost. */
const crash = fc.record({ crash: fc.nat({ max: 6 }) })

type StepOf<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Step> ? Step : never
type Step = StepOf<typeof working> | StepOf<typeof breaking> | StepOf<typeof wanting> | StepOf<typeof crash>

/** A life of such steps, of one kind more often than of another. */
function lifeOf(...kinds: { readonly weight: number; readonly arbitrary: fc.Arbitrary<Step> }[]): fc.Arbitrary<Step[]> {
  return fc.array(fc.oneof(...kinds), { maxLength: 100, size: 'max' })
}

/** A broker with one application, and everything that was published. */
class World {
  readonly store = new MemoryStore()
  opened = openLog(this.store)
  readonly application: Application
  readonly published: { readonly type: MessageType; readonly frame: string; isLost: boolean }[] = []

  constructor(start: ConstructorParameters<typeof Application>[2]) {
    this.application = new Application(this.opened.log, this.opened.supplies, start)
  }

  async take(step: Step): Promise<void> {
    const { application } = this
    if ('publish' in step) {
      const messages = step.publish.map(numbered)
      for (const { type, frame } of messages) this.published.push({ type, frame: String(frame), isLost: false })
      this.opened.log.append(batchOf(messages))
    } else if ('send' in step) await application.send(step.send)
    else if ('arrive' in step) application.arrive(step.arrive)
    else if ('say' in step) application.say(step.say)
    else if ('acknowledge' in step) application.acknowledge()
    else if ('ping' in step) application.wire?.ping()
    else if ('persist' in step) application.persist()
    else if ('connect' in step) await application.connect()
    else if ('disconnect' in step) application.disconnect()
    else if ('notice' in step) application.notice()
    else if ('comeBack' in step) {
      application.disconnect()
      await application.connect()
    } else if ('want' in step) application.want(wantedBy(step.want))
    else this.#crash(step.crash)
  }

  /** What an application with this interest has to receive; what a crash lost of it, it may have received before. */
  wanted(by: Interest): { readonly all: readonly string[]; readonly lost: ReadonlySet<string> } {
    const wanted = this.published.filter(isWantedBy(by))
    return {
      all: wanted.filter(({ isLost }) => !isLost).map(({ frame }) => frame),
      lost: new Set(wanted.filter(({ isLost }) => isLost).map(({ frame }) => frame)),
    }
  }

  #crash(lost: number): void {
    const kept = this.store.loseLast(lost)
    const here = this.published.filter(({ isLost }) => !isLost)
    for (const each of here.slice(kept)) each.isLost = true
    this.opened = openLog(this.store)
    this.application.restart(this.opened.log, this.opened.supplies)
  }
}

async function play(steps: readonly Step[], start: ConstructorParameters<typeof Application>[2]): Promise<World> {
  const world = new World(start)
  for (const step of steps) await world.take(step)
  await world.application.finish()
  return world
}

function assertOrder(frames: readonly string[], of: readonly string[]): void {
  const places = new Map(of.map((frame, index) => [frame, index]))
  let last = -1
  for (const frame of frames) {
    const place = places.get(frame) ?? last
    assert.ok(place >= last, 'in order')
    last = place
  }
}

describe('a subscriber, whatever breaks and in whichever order,', () => {
  test('that counts has everything once, in order', async () => {
    const life = lifeOf(
      { weight: 6, arbitrary: working },
      { weight: 3, arbitrary: breaking },
      { weight: 1, arbitrary: crash },
    )
    await fc.assert(
      fc.asyncProperty(life, interest, async (steps, by) => {
        const world = await play(steps, { interest: by, counts: true })
        const { all, lost } = world.wanted(by)
        const { received, queue } = world.application
        assert.deepEqual(
          received.filter(frame => !lost.has(frame)),
          all,
        )
        assert.equal(new Set(received).size, received.length, 'nothing comes twice')
        assert.equal(queue.standing, 'counting')
      }),
      { numRuns: 500 },
    )
  })

  test('that counts has everything once of each type, although it joins for other types meanwhile', async () => {
    const life = lifeOf(
      { weight: 6, arbitrary: working },
      { weight: 2, arbitrary: wanting },
      { weight: 1, arbitrary: fc.constantFrom({ disconnect: true as const }, { connect: true as const }) },
      { weight: 1, arbitrary: fc.constant({ crash: 0 }) },
    )
    await fc.assert(
      fc.asyncProperty(life, async steps => {
        // Its connections end before the next one begins.
        const whole = steps.flatMap((each): Step[] => ('disconnect' in each ? [each, { notice: true }] : [each]))
        const world = await play(whole, { counts: true })
        const { received } = world.application
        assert.equal(new Set(received).size, received.length, 'nothing comes twice')
        for (const type of ['indicator', 'sighting'] as const) {
          const ofType = (frame: string) => frame.startsWith(type)
          assert.deepEqual(received.filter(ofType), world.wanted('both').all.filter(ofType))
        }
      }),
      { numRuns: 500 },
    )
  })

  test('that does not count lacks nothing, and gets again only what was not acknowledged', async () => {
    const life = lifeOf(
      { weight: 6, arbitrary: working },
      { weight: 3, arbitrary: breaking },
      { weight: 1, arbitrary: wanting },
      { weight: 1, arbitrary: crash },
    )
    await fc.assert(
      fc.asyncProperty(life, interest, async (steps, by) => {
        const silent = steps.filter(each => !('say' in each))
        const world = await play(silent, { interest: by })
        const { all, lost } = world.wanted(by)
        const { received, mayComeTwice, wires } = world.application
        assert.deepEqual([...new Set(received)].filter(frame => !lost.has(frame)).toSorted(), all.toSorted())
        assert.ok(received.length - new Set(received).size <= mayComeTwice, 'no more comes twice')
        for (const type of ['indicator', 'sighting'] as const) {
          for (const { arrived } of wires)
            assertOrder(
              arrived.filter(frame => frame.startsWith(type)),
              all,
            )
        }
      }),
      { numRuns: 500 },
    )
  })

  test('whose library does not acknowledge lacks nothing, and gets again what the network may have held', async () => {
    const life = lifeOf({ weight: 6, arbitrary: working }, { weight: 2, arbitrary: breaking })
    await fc.assert(
      fc.asyncProperty(life, async steps => {
        const silent = steps.filter(each => !('say' in each))
        const world = await play(silent, { acknowledges: false })
        const { received, mayComeTwice } = world.application
        // More than the network holds is never on its way here: what is taken as received has arrived.
        assert.deepEqual([...new Set(received)].toSorted(), world.wanted('both').all.toSorted())
        assert.ok(received.length - new Set(received).size <= mayComeTwice)
      }),
      { numRuns: 300 },
    )
  })

  test('that counts, whose connection broke before the broker was killed, gets nothing twice of what it confirmed', async () => {
    const world = new World({ counts: true })
    const { application } = world
    await application.connect()
    await world.take({ publish: Array.from({ length: 9 }, () => 'indicator') })
    await application.send(9)
    application.arrive(20)
    application.say(3)
    application.disconnect()
    application.notice()
    await world.take({ crash: 0 })
    await application.finish()
    assert.deepEqual(application.received, world.wanted('both').all)
  })

  test('that is back before its lost connection was noticed lacks nothing of what that held, and gets nothing twice', async () => {
    const world = new World({ counts: true })
    const { application } = world
    await application.connect()
    await world.take({ publish: Array.from({ length: 5 }, () => 'indicator') })
    await application.send(5)
    application.arrive(5)
    await world.take({ publish: Array.from({ length: 5 }, () => 'indicator') })
    // Nobody tells the broker: it sends on into the void.
    await application.send(5)
    application.disconnect()
    await application.connect()
    await world.take({ publish: Array.from({ length: 5 }, () => 'indicator') })
    await application.send(5)
    application.notice()
    await application.finish()
    assert.deepEqual(application.received, world.wanted('both').all)
  })

  test('that joins for one type and then for another lacks nothing of what waited of the second', async () => {
    for (const counts of [false, true]) {
      const world = new World({ counts })
      const { application } = world
      await world.take({ publish: ['sighting', 'indicator', 'sighting', 'indicator'] })
      await application.connect(wantedBy(['indicator']))
      await application.send(9)
      application.arrive(9)
      assert.equal(application.received.length, 2)
      // A mere reconnect: what it counts are the frames that it was sent.
      application.say(2)
      application.acknowledge()
      application.disconnect()
      application.notice()
      await application.connect(wantedBy(['indicator']))
      application.want(wantedBy(['indicator', 'sighting']))
      await application.finish()
      assert.deepEqual(application.received.toSorted(), world.wanted('both').all.toSorted())
    }
  })

  test('that begins to count after something may have come twice is followed by its acknowledgements', async () => {
    const world = new World({})
    const { application } = world
    await application.connect()
    await world.take({ publish: Array.from({ length: 9 }, () => 'indicator') })
    await application.send(9)
    application.arrive(5)
    application.disconnect()
    application.notice()
    await application.connect()
    application.say(5)
    assert.equal(application.queue.standing, 'acknowledging')
    await application.finish()
    assert.equal(new Set(application.received).size, 9)
  })

  test('that begins to count before, is followed by its count', async () => {
    const world = new World({})
    const { application } = world
    await application.connect()
    await world.take({ publish: Array.from({ length: 9 }, () => 'indicator') })
    await application.send(9)
    application.arrive(20)
    application.say(9)
    application.disconnect()
    application.notice()
    await application.finish()
    assert.deepEqual(application.received, world.wanted('both').all)
    assert.equal(application.queue.standing, 'counting')
  })

  test('that changes what it wants again and again holds no more than a few places, and lacks nothing', async () => {
    for (const counts of [false, true]) {
      const world = new World({ counts })
      const { application } = world
      await application.connect()
      for (let change = 0; change < 1000; change++) {
        application.want(wantedBy(change % 2 === 0 ? ['indicator'] : ['sighting']))
        if (change % 100 === 0) await world.take({ publish: ['sighting', 'indicator'] })
        await application.send(1)
        assert.ok((application.wire?.delivery?.inFlight?.changes.length ?? 0) <= maxMarks)
      }
      assert.equal(application.queue.standing, 'acknowledging')
      // Nobody could tell any more what it counts.
      application.say(0)
      assert.equal(application.queue.standing, 'acknowledging')
      await application.finish()
      assert.deepEqual(application.received.toSorted(), world.wanted('both').all.toSorted())
    }
  })

  test('that unsubscribes and subscribes again on an unbroken connection gets nothing twice', async () => {
    const world = new World({})
    const { application } = world
    await application.connect()
    await world.take({ publish: Array.from({ length: 9 }, () => 'indicator') })
    await application.send(9)
    application.want(wantedTypes([]))
    await world.take({ publish: ['sighting', 'indicator'] })
    assert.equal(application.queue.lag, 2)
    await application.send(9)
    await application.finish()
    assert.deepEqual(application.received, world.wanted('both').all)
    assert.equal(windowFrames > 9, true)
  })
})
