// The clock of a machine is set: by who runs it, by the time of a network, by a battery that has failed.
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { WallClock } from '../../src/history/log/wall-clock.ts'
import type { SegmentedStore } from '../../src/history/segmented-store.ts'
import { messageOf } from '../../src/protocol/message.ts'
import { loggedBatch } from './log-arbitraries.ts'
import { framesFrom, openStore, selectedOf } from './log-directory.ts'
import { inDirectory } from './subscription-arbitraries.ts'

const msPerMinute = 60_000
const msPerHour = 3_600_000
const msPerDay = 86_400_000

/** A machine whose clock is wrong by so much, and what a clock there tells. */
function machineAt(startMs: number) {
  const machine = { passedMs: 0, errorMs: 0 }
  const jumps: number[] = []
  const clock = new WallClock(byMs => jumps.push(byMs), {
    wall: () => startMs + machine.passedMs + machine.errorMs,
    monotonic: () => machine.passedMs,
  })
  return { machine, clock, jumps }
}

const errors = fc.oneof(
  fc.constantFrom(-366, -30, -1, 1, 30, 366).map(days => days * msPerDay),
  fc.integer({ min: -2 * msPerDay, max: 2 * msPerDay }),
)

describe('a clock that is set', () => {
  test('and set right within the hour never misled anybody', () => {
    const steps = fc.array(fc.tuple(fc.nat(10 * msPerMinute), fc.option(errors, { nil: 0 })), { maxLength: 30 })
    fc.assert(
      fc.property(steps, steps => {
        const { machine, clock } = machineAt(1e12)
        let wrongForMs = 0
        for (const [passedMs, errorMs] of steps) {
          machine.passedMs += passedMs
          wrongForMs += passedMs
          // It is right again, at the latest now.
          if (wrongForMs >= 50 * msPerMinute) machine.errorMs = 0
          else if (machine.errorMs === 0 || errorMs === 0) machine.errorMs = errorMs
          if (machine.errorMs === 0) wrongForMs = 0
          const trueMs = 1e12 + machine.passedMs
          assert.ok(clock.earliestMs <= trueMs + msPerMinute && clock.latestMs >= trueMs - msPerMinute)
          if (machine.errorMs === 0) assert.deepEqual([clock.earliestMs, clock.latestMs], [trueMs, trueMs])
        }
      }),
      { numRuns: 500 },
    )
  })

  test('and stays so is believed after an hour, and told once', () => {
    fc.assert(
      fc.property(errors, errorMs => {
        fc.pre(Math.abs(errorMs) > msPerMinute)
        const { machine, clock, jumps } = machineAt(1e12)
        machine.errorMs = errorMs
        for (let minute = 0; minute < 60; minute++) {
          assert.equal(Math.max(clock.latestMs, clock.earliestMs) - clock.earliestMs, Math.abs(errorMs))
          machine.passedMs += msPerMinute
        }
        const wallMs = 1e12 + machine.passedMs + errorMs
        assert.deepEqual([clock.earliestMs, clock.latestMs, clock.earliestMs], [wallMs, wallMs, wallMs])
        assert.deepEqual(jumps, [errorMs])
      }),
    )
  })

  test('a little is followed at once', () => {
    const { machine, clock, jumps } = machineAt(1e12)
    for (const errorMs of [-msPerMinute, 0, 30_000, -20_000]) {
      machine.errorMs = errorMs
      assert.deepEqual([clock.earliestMs, clock.latestMs], [1e12 + errorMs, 1e12 + errorMs])
    }
    assert.deepEqual(jumps, [])
  })
})

/** Appends a message that is on disk then; each fills a segment. */
async function append(store: SegmentedStore): Promise<void> {
  store.append(loggedBatch([messageOf('indicator', String(store.next))], store.next, Date.now()))
  await store.committed()
}

const sequencesIn = async (store: SegmentedStore) => [...(await framesFrom(store)).keys()]
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)

describe('a log whose segments are each a message, of a month,', () => {
  const settings = { segmentBytes: 1, retentionDays: 30 }

  test('loses none when the clock goes a year ahead, until that was so for an hour', async () => {
    await inDirectory(async directory => {
      const { machine, clock } = machineAt(Date.now())
      const { store, told } = await openStore(directory, { ...settings, clock })
      for (let count = 0; count < 5; count++) await append(store)
      machine.errorMs = 366 * msPerDay
      await append(store)
      machine.passedMs += msPerHour - 1
      await append(store)
      assert.deepEqual(await sequencesIn(store), upTo(7))
      machine.errorMs = 0
      machine.passedMs += msPerHour
      await append(store)
      assert.deepEqual(await sequencesIn(store), upTo(8))
      machine.errorMs = 366 * msPerDay
      await append(store)
      machine.passedMs += msPerHour
      await append(store)
      assert.deepEqual(await sequencesIn(store), [10])
      assert.deepEqual(told, [])
      await store.close()
    })
  })

  test('and that begins a year later waits for an hour, and says so once', async () => {
    await inDirectory(async directory => {
      const before = await openStore(directory, settings)
      for (let count = 0; count < 5; count++) await append(before.store)
      await before.store.close()
      const { machine, clock } = machineAt(Date.now() + 366 * msPerDay)
      const { store, told } = await openStore(directory, { ...settings, clock })
      await append(store)
      machine.passedMs += msPerHour - 1
      await append(store)
      assert.deepEqual(await sequencesIn(store), upTo(7))
      assert.deepEqual(told, ['held: 4'])
      machine.passedMs += 1
      await append(store)
      assert.deepEqual(await sequencesIn(store), [8])
      await store.close()
    })
  })

  test('deletes at once what is too old by a clock that the newest segment agrees with', async t => {
    await inDirectory(async directory => {
      const nowMs = Date.now()
      t.mock.timers.enable({ apis: ['Date'], now: nowMs - 31 * msPerDay })
      const before = await openStore(directory, settings)
      for (let count = 0; count < 3; count++) await append(before.store)
      t.mock.timers.setTime(nowMs - msPerHour)
      await append(before.store)
      await before.store.close()
      t.mock.timers.setTime(nowMs)
      const { store, told } = await openStore(directory, settings)
      // What is before a segment may have come until that was begun.
      assert.deepEqual(await sequencesIn(store), [3, 4])
      assert.deepEqual(told, [])
      await store.close()
    })
  })

  test('keeps all of the last days, whenever the clock was wrong when they were written', async t => {
    const wrong = fc.array(fc.option(errors, { nil: 0, freq: 2 }), { minLength: 1, maxLength: 8 })
    await inDirectory(async directory => {
      let run = 0
      await fc.assert(
        fc.asyncProperty(wrong, fc.boolean(), async (errorsMs, isAhead) => {
          const path = `${directory}/${run++}`
          // Ahead or back: times that are wrong both ways, with none that is right before, can't be told from right ones.
          const all = errorsMs.map(errorMs => Math.abs(errorMs) * (isAhead ? 1 : -1))
          await withTimes(t, async () => {
            const { store } = await openStore(path, { ...settings, clock: new WallClock() })
            for (const errorMs of all) {
              t.mock.timers.setTime(started + errorMs)
              await append(store)
            }
            await store.close()
            t.mock.timers.setTime(started)
            const again = await openStore(path, settings)
            await append(again.store)
            const kept = await sequencesIn(again.store)
            // With nothing before that is less wrong, the oldest look as old as they say.
            const least = Math.max(
              0,
              all.findIndex(errorMs => errorMs > -30 * msPerDay),
            )
            assert.deepEqual(
              kept.filter(sequence => sequence > least),
              upTo(all.length + 1).slice(least),
            )
            await again.store.close()
          })
        }),
        { numRuns: 40 },
      )
    })
  })

  test('gives a snapshot all that was accepted since, whatever the clock did', async t => {
    await inDirectory(async directory => {
      let run = 0
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 6 }),
          fc.integer({ min: -6, max: 6 }),
          async (hours, sinceHours) => {
            await withTimes(t, async () => {
              const { store } = await openStore(`${directory}/${run++}`, settings)
              for (const hour of hours) {
                t.mock.timers.setTime(started + hour * msPerHour)
                await append(store)
              }
              const sinceMs = started + sinceHours * msPerHour
              const selection = await selectedOf(store, { sinceMs, upTo: hours.length })
              for (const [index, hour] of hours.entries()) assert.equal(selection.has(index + 1), hour >= sinceHours)
              await store.close()
            })
          },
        ),
        { numRuns: 12 },
      )
    })
  })
})

const started = Date.UTC(2026, 10, 24)

/** Does something while the time is given by the test. */
async function withTimes(t: TestContext, work: () => Promise<void>): Promise<void> {
  t.mock.timers.enable({ apis: ['Date'], now: started })
  try {
    await work()
  } finally {
    t.mock.timers.reset()
  }
}
