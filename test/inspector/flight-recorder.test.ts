import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { assign, createActor, createMachine } from 'xstate'
import { actorRecordOf, FlightRecorder } from '../../src/inspector/flight-recorder.ts'
import type { ChartActor } from '../../src/inspector/inspected.ts'
import { Recorder } from '../../src/inspector/recorder.ts'
import { Steps } from '../../src/inspector/steps.ts'
import { Chronicle, traceLimits } from '../../src/inspector/story/chronicle.ts'
import { tap } from '../../src/inspector/tap.ts'
import type { TraceRecord } from '../../src/inspector/trace/records.ts'

/** A chart whose events change its state, its context only, or nothing; and that ends. */
const chart = createMachine({
  id: 'chart',
  context: { count: 0 },
  initial: 'going',
  on: {
    count: { actions: assign({ count: ({ context }) => context.count + 1 }) },
    look: { actions: () => {} },
    end: '.over',
  },
  states: {
    going: {
      type: 'parallel',
      states: {
        mood: { initial: 'low', states: { low: { on: { turn: 'high' } }, high: { on: { turn: 'low' } } } },
        place: { initial: 'here', states: { here: {} } },
      },
    },
    over: { type: 'final' },
  },
})

const event = fc.oneof(
  ...['turn', 'count', 'look', 'end'].map(type => fc.constant({ type })),
  fc.record({ type: fc.constant('turn'), carried: fc.string({ maxLength: 300 }) }),
)

/** What is done to one of some actors, or that another one is born; and how much time passes before. */
const deed = fc.record({ which: fc.nat(6), event: fc.option(event, { freq: 8 }), passed: fc.nat(3) })

/** A step as the test saw it. */
interface Expected {
  readonly type: string
  readonly at: number
  readonly value: unknown
  readonly context: unknown
}

/** A root, and actors below it that come and go. */
function crowd() {
  const root = createActor(createMachine({ id: 'root' })) as unknown as ChartActor
  const actors: ChartActor[] = []
  return {
    root,
    actors,
    born: () => {
      const actor = createActor(chart, { id: `actor.${actors.length}`, parent: root }) as unknown as ChartActor
      actors.push(actor)
      actor.start()
      return actor
    },
  }
}

describe('the flight recorder', () => {
  test('keeps the last steps of each actor in order, what it was in before and since when, under its bounds', t => {
    t.mock.timers.enable({ apis: ['Date'] })
    const limits = fc.record({
      stepsPerActor: fc.integer({ min: 1, max: 4 }),
      maxBytes: fc.integer({ min: 400, max: 4000 }),
      maxEnded: fc.integer({ min: 1, max: 3 }),
    })
    fc.assert(
      fc.property(limits, fc.array(deed, { maxLength: 60 }), (limits, deeds) => {
        const flight = new FlightRecorder(limits)
        const { root, actors, born } = crowd()
        const steps = new Steps(flight, root, { changed: () => {}, about: () => undefined })
        tap(root, each => steps.see(each))
        const expected = new Map<string, Expected[]>()
        const note = (actor: ChartActor, type: string) => {
          const { value, context } = actor.getSnapshot()
          const known = expected.get(actor.sessionId) ?? []
          const last = known.at(-1)
          const isSame = JSON.stringify([last?.value, last?.context]) === JSON.stringify([value, context])
          if (!isSame) known.push({ type, at: Date.now(), value, context })
          expected.set(actor.sessionId, known)
        }
        for (const { which, event, passed } of deeds) {
          t.mock.timers.tick(passed)
          const actor = actors[which]
          if (event === null || actor === undefined) note(born(), 'xstate.init')
          else if (isThere(actor)) {
            actor.send(event)
            note(actor, event.type)
          }
          assert.ok(flight.bytes <= limits.maxBytes)
        }
        const told = flight.stepsAfter(0, Number.POSITIVE_INFINITY)
        const numbers = told.map(({ record }) => record.step)
        assert.deepEqual(
          numbers,
          numbers.toSorted((a, b) => a - b),
        )
        const kept = new Set([...flight.actors()].filter(({ actor }) => actor !== root.sessionId))
        assert.ok([...kept].filter(({ hasEnded }) => hasEnded).length <= limits.maxEnded)
        for (const actor of kept) {
          const all = expected.get(actor.actor) ?? []
          const own = told.filter(each => each.actor === actor).map(({ record }) => record)
          assert.ok(own.length <= limits.stepsPerActor)
          assert.deepEqual(
            own.map(({ event, at, snapshot }) => ({ type: event.type, at, ...pick(snapshot) })),
            all.slice(all.length - own.length),
          )
          const before = all.slice(0, all.length - own.length)
          const record = actorRecordOf(actor, 'before')
          assert.deepEqual(
            record.snapshot && pick(record.snapshot),
            before.length === 0 ? undefined : pick(before.at(-1)),
          )
          if (record.snapshot) assert.equal(record.since, sinceOf(before))
          assert.equal(actor.since, sinceOf(all))
        }
        // Whoever lives is kept; and of whom less is kept than might be, others needed the room.
        for (const actor of actors) {
          const found = [...kept].find(each => each.actor === actor.sessionId)
          if (isThere(actor)) assert.ok(found)
          const all = expected.get(actor.sessionId)?.length ?? 0
          if (found && found.steps < Math.min(limits.stepsPerActor, all))
            assert.ok(flight.bytes > limits.maxBytes - 1500)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('whoever is told again, as after a connection that broke, knows what it knew, and what came meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { maxLength: 40 }), fc.array(deed, { maxLength: 40 }), async (first, then) => {
        const { root, actors, born } = crowd()
        const recorder = new Recorder({
          ...{ program: 'test', roots: [root], about: () => undefined, figures: () => [] },
          actors: () => [root, ...actors.filter(isThere)],
          totals: () => ({ accepted: 0, refused: {}, delivered: 0, waiting: 0, refusedSends: 0, refusedPeers: 0 }),
        })
        const doAll = (deeds: typeof first) => {
          for (const { which, event } of deeds) {
            const actor = actors[which]
            if (event === null || actor === undefined) born()
            else if (isThere(actor)) actor.send(event)
          }
        }
        const look = async (chronicle: Chronicle) => {
          const records: TraceRecord[] = []
          const take = (lines: readonly string[]) => records.push(...lines.map(line => JSON.parse(line))) > 0
          const watch = recorder.watch({ take })
          while (!watch.isCaughtUp) await new Promise(resolve => setImmediate(resolve))
          watch.end()
          for (const record of records) chronicle.take(record)
        }
        const chronicle = new Chronicle(traceLimits)
        doAll(first)
        await look(chronicle)
        const known = summary(chronicle)
        await look(chronicle)
        assert.deepEqual(summary(chronicle), known)
        doAll(then)
        await look(chronicle)
        recorder.finish()
        for (const actor of actors) {
          const life = chronicle.lives.get(actor.sessionId)
          const { value, context } = actor.getSnapshot()
          assert.deepEqual(life?.stateAt(chronicle.lastIndex)?.snapshot.value, value)
          assert.deepEqual(life?.stateAt(chronicle.lastIndex)?.snapshot.context, context)
        }
      }),
      { numRuns: 30 },
    )
  })

  test('keeps no event that carries much, and nothing of what an event holds', () => {
    const flight = new FlightRecorder()
    const { root, born } = crowd()
    const steps = new Steps(flight, root, { changed: () => {}, about: () => undefined })
    tap(root, each => steps.see(each))
    const actor = born()
    const topic = 'abcdefghijklmnopqrstuvwxyzabcdef'
    actor.send({ type: 'turn', payload: Buffer.alloc(1_000_000), topic })
    actor.send({ type: 'turn', much: Array.from({ length: 32 }, () => 'x '.repeat(120)) })
    const [, first, second] = flight.stepsAfter(0, 10).map(({ record }) => record.event)
    assert.deepEqual(first, { type: 'turn', payload: '(1000000 bytes)', topic: 'abcdef…' })
    assert.deepEqual(second, { type: 'turn' })
  })
})

function isThere(actor: ChartActor): boolean {
  return actor.getSnapshot().status === 'active'
}

function pick<Of extends { readonly value?: unknown; readonly context?: unknown }>(of: Of | undefined) {
  return of && { value: of.value, context: of.context }
}

/** When the value of the last of these states began. */
function sinceOf(all: readonly Expected[]): number | undefined {
  const value = JSON.stringify(all.at(-1)?.value)
  const other = all.findLastIndex(each => JSON.stringify(each.value) !== value)
  return all[other + 1]?.at
}

function summary(chronicle: Chronicle) {
  return {
    steps: chronicle.steps,
    lives: [...chronicle.lives.values()].map(life => ({
      ...{ actor: life.actor, steps: life.steps, state: life.stateAt(chronicle.lastIndex)?.snapshot },
      since: life.since(chronicle.lastIndex),
    })),
  }
}
