import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createActor, createMachine, SimulatedClock } from 'xstate'
import { indexTimers } from '../../src/actors/indexed-timers.ts'

/** Begins and ends, at once or after a while, and has timers meanwhile. */
const life = createMachine({
  initial: 'young',
  on: { end: '.ended' },
  after: { 50: '.ended' },
  states: {
    young: { after: { 20: 'old' }, on: { again: { target: 'young', reenter: true } } },
    old: { after: { 10: 'young', 15: 'old' } },
    ended: { type: 'final' },
  },
})

interface System {
  readonly _snapshot: { readonly _scheduledEvents: Record<string, unknown> }
}

const happening = fc.record({
  to: fc.nat(4),
  what: fc.constantFrom('end', 'again', 'nothing'),
  thenMs: fc.constantFrom(0, 3, 10, 20),
})

/** Everything that is seen of some lives when this happens to them. */
function seen(
  happenings: readonly (typeof happening extends fc.Arbitrary<infer Of> ? Of : never)[],
  isIndexed: boolean,
) {
  const clock = new SimulatedClock()
  const parent = createActor(createMachine({}), { clock })
  if (isIndexed) indexTimers(parent.system)
  parent.start()
  const lives = Array.from({ length: 5 }, () => createActor(life, { parent }).start())
  const look = () => ({
    values: lives.map(each => each.getSnapshot().value),
    // What is theirs, by their names, which are drawn.
    timers: Object.values(parent.system.getSnapshot()._scheduledEvents).map(({ source, id }) => {
      return `${lives.indexOf(source as (typeof lives)[number])} ${id}`
    }),
  })
  return happenings.map(({ to, what, thenMs }) => {
    const one = lives[to]
    if (one?.getSnapshot().status === 'active') one.send({ type: what })
    for (let ms = 0; ms < thenMs; ms++) clock.increment(1)
    return look()
  })
}

test('a system that knows whose timers are does as any other does', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 20 }), happenings => {
      assert.deepEqual(seen(happenings, true), seen(happenings, false))
    }),
  )
})

test('an actor that ends does not make it look at the timers of others', () => {
  const parent = createActor(createMachine({}), { clock: new SimulatedClock() })
  indexTimers(parent.system)
  parent.start()
  const lives = Array.from({ length: 3 }, () => createActor(life, { parent }).start())
  // What XState looks through, and no copy of it.
  const { _scheduledEvents: events } = (parent.system as unknown as System)._snapshot
  let looked = 0
  for (const [name, event] of Object.entries(events)) {
    const get = () => {
      looked++
      return event
    }
    Object.defineProperty(events, name, { configurable: true, enumerable: true, get })
  }
  lives[0]?.send({ type: 'end' })
  assert.equal(looked, 0)
  assert.equal(Object.keys(events).length, 4)
})
