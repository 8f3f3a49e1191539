import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { addressedIn, typeCodeOf } from '../../src/delivery/counted.ts'
import { MessageCounts } from '../../src/delivery/message-counts.ts'
import { frameTypes } from '../../src/delivery/positions.ts'
import { type FrameType, type Message, messageOf } from '../../src/protocol/message.ts'
import type { Interest } from '../../src/protocol/topics.ts'

const kinds: Readonly<Record<string, Message>> = {
  indicator: messageOf('indicator', '{}'),
  sighting: messageOf('sighting', '{}'),
  request: messageOf('snapshotrequest', '{}', { audience: { except: 'a' } }),
  answer: messageOf('indicator', '{}', { audience: { only: 'a' } }),
  other: messageOf('sighting', '{}', { audience: { only: 'b' } }),
}

function isOfInterest(type: FrameType, interest: Interest): boolean {
  return type === 'snapshotrequest' || interest === 'both' || interest === type
}

/** Runs of one kind, short and long, so that there are blocks of one type alone and mixed ones. */
const runs: fc.Arbitrary<readonly Message[]> = fc
  .array(
    fc.tuple(
      fc.constantFrom(...Object.values(kinds)),
      fc.oneof(
        { weight: 4, arbitrary: fc.integer({ min: 1, max: 5 }) },
        { weight: 1, arbitrary: fc.integer({ min: 1, max: 1100 }) },
      ),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map(runs => runs.flatMap(([message, count]) => Array<Message>(count).fill(message)))

interface Part {
  readonly messages: readonly Message[]
  readonly gap: number
  readonly comes: 'live' | 'from disk' | 'late'
}

const parts: fc.Arbitrary<readonly Part[]> = fc.array(
  fc.record({
    messages: runs,
    gap: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2000) }),
    comes: fc.constantFrom('live', 'from disk', 'late'),
  }),
  { minLength: 1, maxLength: 5 },
)

/** The log as it is, and a counter that was told of it. */
function counted(parts: readonly Part[], isLateKnown: boolean) {
  const counts = new MessageCounts()
  const log = new Map<number, Message>()
  const late: Parameters<MessageCounts['learn']>[0][] = []
  let next = 1
  for (const { messages, gap, comes } of parts) {
    const first = next + gap
    for (const [index, message] of messages.entries()) log.set(first + index, message)
    const part = { first, codes: messages.map(typeCodeOf), addressed: addressedIn(messages, first) }
    next = first + messages.length
    if (comes === 'from disk') counts.add(part)
    else if (comes === 'live') counts.append({ messages, first, bytes: 0, acceptedMs: 0 })
    else {
      counts.addUnknown(first, next)
      late.push(part)
    }
  }
  if (isLateKnown) for (const part of late.toReversed()) counts.learn(part)
  return { counts, log, next }
}

function inRange(log: ReadonlyMap<number, Message>, from: number, to: number): Message[] {
  return [...log].filter(([sequence]) => sequence >= from && sequence < to).map(([, message]) => message)
}

describe('what is counted of messages', () => {
  test('tells what need not be read: nothing that may be for somebody, and all that is known not to be', () =>
    fc.assert(
      fc.property(
        ...([
          parts,
          fc.nat(),
          fc.nat(),
          fc.boolean(),
          fc.constantFrom<Interest>('indicator', 'sighting', 'both', 'none'),
        ] as const),
        (parts, one, other, isLateKnown, interest) => {
          const { counts, log, next } = counted(parts, isLateKnown)
          const [from, to] = [1 + (one % next), 1 + (other % next)].sort((a, b) => a - b) as [number, number]
          const found = counts.nextFor(interest, from, to)
          const isPassed = (sequence: number) => {
            const message = log.get(sequence)
            return message?.audience === undefined && message !== undefined && !isOfInterest(message.type, interest)
          }
          for (let sequence = from; sequence < found; sequence++) assert.ok(isPassed(sequence))
          assert.ok(found >= from && found <= to)
          if (isLateKnown && found < to) assert.ok(!isPassed(found))
        },
      ),
    ))

  test('is what is there between any two places, however it became known', () =>
    fc.assert(
      fc.property(parts, fc.nat(), fc.nat(), (parts, one, other) => {
        const { counts, log, next } = counted(parts, true)
        const [from, to] = [one % (next + 2), other % (next + 2)]
        const messages = inRange(log, from, to)
        for (const type of frameTypes) {
          const expected = messages.filter(each => each.type === type && !(each.audience && 'only' in each.audience))
          assert.equal(counts.between(type, from, to), expected.length, type)
        }
        const isFor = (topic: string, type: FrameType) =>
          messages.filter(each => each.type === type && each.audience && Object.values(each.audience).includes(topic))
        for (const topic of ['a', 'b', 'c'])
          for (const type of frameTypes)
            assert.equal(counts.addressedTo(topic, type, from, to), isFor(topic, type).length)
      }),
      { numRuns: 60 },
    ))

  test('is never less than what is there where it is not known yet', () =>
    fc.assert(
      fc.property(parts, fc.nat(), (parts, one) => {
        const { counts, log, next } = counted(parts, false)
        const from = one % (next + 2)
        for (const type of frameTypes) {
          const expected = inRange(log, from, next).filter(
            each => each.type === type && !(each.audience && 'only' in each.audience),
          )
          assert.ok(counts.between(type, from, next) >= expected.length)
        }
      }),
      { numRuns: 40 },
    ))

  test('of a part of the log is the same when it is told to another counter', () =>
    fc.assert(
      fc.property(parts, fc.nat(), fc.nat(), (parts, one, other) => {
        const { counts, next } = counted(parts, true)
        const [first, end] = [1 + (one % next), 1 + (other % next)].sort((a, b) => a - b) as [number, number]
        const again = new MessageCounts()
        again.add(counts.part(first, end))
        for (const type of frameTypes) assert.equal(again.between(type, 0, next), counts.between(type, first, end))
      }),
      { numRuns: 40 },
    ))

  test('goes on when the log begins later', () =>
    fc.assert(
      fc.property(runs, fc.integer({ min: 60, max: 70 }), (messages, times) => {
        const counts = new MessageCounts()
        const log = Array.from({ length: times }, () => [
          ...messages,
          ...Array<Message>(1000).fill(kinds.indicator as Message),
        ]).flat()
        counts.append({ messages: log, first: 1, bytes: 0, acceptedMs: 0 })
        const before = counts.between('indicator', log.length - 100, log.length + 1)
        counts.forgetBefore(log.length - 500)
        assert.equal(counts.between('indicator', log.length - 100, log.length + 1), before)
        counts.append({ messages, first: log.length + 1, bytes: 0, acceptedMs: 0 })
        const added = messages.filter(each => each === kinds.indicator).length
        assert.equal(counts.between('indicator', log.length + 1, log.length + messages.length + 1), added)
      }),
      { numRuns: 5 },
    ))

  test('of answers that lie scattered is right from one end to the other, and near it in between', () => {
    const counts = new MessageCounts()
    const answers = 5000
    const pair = [kinds.answer, kinds.indicator] as Message[]
    for (let at = 0; at < answers; at++) counts.append({ messages: pair, first: 1 + 2 * at, bytes: 0, acceptedMs: 0 })
    assert.equal(counts.addressedTo('a', 'indicator', 1, 2 * answers + 1), answers)
    assert.ok(Math.abs(counts.addressedTo('a', 'indicator', answers, 2 * answers + 1) - answers / 2) <= 2)
    counts.forget('a')
    assert.equal(counts.addressedTo('a', 'indicator', 1, 2 * answers + 1), 0)
  })
})
