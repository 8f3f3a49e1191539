import fc from 'fast-check'
import type { LoggedBatch } from '../../src/delivery/batch.ts'
import { type Audience, type Message, messageOf, type ObjectVersion } from '../../src/protocol/message.ts'

/** Any timestamp of these years, to the microsecond as the log remembers it, T and Z in either case. */
export function timestampsOf(firstYear: number, lastYear: number): fc.Arbitrary<string> {
  const whole = fc.date({ min: new Date(Date.UTC(firstYear)), max: new Date(Date.UTC(lastYear)), noInvalidDate: true })
  const fraction = fc.oneof(fc.constant(''), fc.stringMatching(/^[0-9]{1,6}$/))
  return fc.tuple(whole, fraction, fc.boolean()).map(([date, digits, lower]) => {
    const text = `${date.toISOString().slice(0, 19)}${digits === '' ? '' : `.${digits}`}Z`
    return lower ? text.toLowerCase() : text
  })
}

/** Ids with a plain UUID, ids that nearly have one, and any others. */
export const objectIds: fc.Arbitrary<string> = fc.oneof(
  fc.uuid().map(uuid => `indicator--${uuid}`),
  fc.uuid().map(uuid => `sighting--${uuid}`),
  fc.uuid().map(uuid => `indicator--${uuid.toUpperCase()}`),
  fc.uuid().map(uuid => `indicator-${uuid}`),
  fc.string({ unit: 'grapheme' }),
)

const objects: fc.Arbitrary<ObjectVersion> = fc.record({
  id: objectIds,
  modified: fc.oneof({ weight: 4, arbitrary: timestampsOf(1990, 2100) }, { weight: 1, arbitrary: fc.string() }),
  removed: fc.boolean(),
})

const audiences: fc.Arbitrary<Audience> = fc.oneof(
  fc.stringMatching(/^[a-z]{0,32}$/).map(only => ({ only })),
  fc.string({ unit: 'grapheme', maxLength: 10 }).map(except => ({ except })),
)

/** Any message. */
export const anyMessages: fc.Arbitrary<Message> = fc
  .record({
    type: fc.constantFrom('indicator', 'sighting', 'snapshotrequest'),
    body: fc.oneof(fc.string({ maxLength: 30 }), fc.string({ unit: 'binary', maxLength: 30 })),
    audience: fc.option(audiences, { nil: undefined }),
    object: fc.option(objects, { nil: undefined }),
  })
  .map(({ type, body, audience, object }) => messageOf(type, body, { audience, object }))

/** A batch of these messages at this place in the log. */
export function loggedBatch(messages: readonly Message[], first: number, acceptedMs = 1_700_000_000_000): LoggedBatch {
  return { messages, bytes: messages.reduce((sum, { frame }) => sum + frame.length, 0), first, acceptedMs }
}

/** Any batch, anywhere in a log. */
export const anyBatches: fc.Arbitrary<LoggedBatch> = fc
  .tuple(
    fc.array(anyMessages, { minLength: 1, maxLength: 12 }),
    fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.maxSafeInteger().map(Math.abs)).filter(first => first > 0),
    fc.nat(2 ** 31 - 1).map(seconds => seconds * 1000 + 0.5),
  )
  .map(([messages, first, acceptedMs]) => loggedBatch(messages, first, acceptedMs))
