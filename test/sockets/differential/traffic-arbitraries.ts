import fc from 'fast-check'
import { isLong, latin1, mostly, reserved } from './byte-arbitraries.ts'
import { maxFrameBytes, prefixes, topics } from './ends.ts'
import { type Bytes, commandBody, commandFrame, type EndType, type Frame, messageFrame, type Step } from './script.ts'

const body = fc.oneof(
  { weight: 4, arbitrary: latin1({ maxLength: 20 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(254, 255, 256, 257, 8190, 8192, 12_000, 40_000).map(length => 'x'.repeat(length)),
  },
)

/** A frame as it is, or with other flags that mean the same. */
const flagged = (frames: fc.Arbitrary<Frame>) =>
  fc.tuple(frames, isLong, reserved).map(([frame, isLong, reserved]) => ({ ...frame, isLong, reserved }))

/** Frames that are one message, or the beginning of one. */
const message = (parts: fc.Arbitrary<Bytes[]>): fc.Arbitrary<Frame[]> =>
  fc
    .tuple(parts, mostly(true, fc.constant(false)))
    .map(([parts, isWhole]) => parts.map((part, index) => messageFrame(part, !isWhole || index < parts.length - 1)))
    .chain(frames => fc.tuple(...frames.map(frame => flagged(fc.constant(frame)))))

const request = message(
  fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.constant(''), body) },
    { weight: 4, arbitrary: fc.tuple(body, fc.constant(''), body) },
    { weight: 4, arbitrary: fc.tuple(body) },
    // Probes, and messages that are hardly any.
    { weight: 4, arbitrary: fc.constantFrom<Bytes[]>([''], ['', ''], ['', '', ''], ['x', '']) },
    { weight: 4, arbitrary: fc.array(fc.oneof(body, fc.constant('')), { minLength: 1, maxLength: 5 }) },
    // Each part may be so long.
    {
      weight: 1,
      arbitrary: fc.constantFrom(2, 3, 4).map(parts => Array<Bytes>(parts).fill('x'.repeat(maxFrameBytes / 2))),
    },
  ),
)

const publication = message(
  fc
    .tuple(
      mostly(
        fc.constantFrom(...prefixes),
        fc.constantFrom('', 'stix', 'stix2', 'STIX2/', 'threatbus/snapshot', 'other/', '\x01stix2/'),
        3,
      ),
      body,
      fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(body, { maxLength: 3 })),
    )
    .map(([prefix, body, parts]) => [prefix + body, ...parts]),
)

/** What a subscriber may name: what there is, and what looks like it. */
const subscription = fc.oneof(
  // Often enough the same.
  { weight: 16, arbitrary: fc.constantFrom(topics[0] as Bytes, `${topics[0]}indicator`) },
  {
    weight: 12,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...topics),
        fc.constantFrom('', '', 'indicator', 'sighting', 'indicator ', 'indicator pp', 'ind', 'x'),
      )
      .map(parts => parts.join('')),
  },
  { weight: 1, arbitrary: fc.constantFrom('', 'a', 'a'.repeat(31), 'z', 'A'.repeat(32), 'd'.repeat(32)) },
  { weight: 1, arbitrary: latin1({ maxLength: 40 }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(...topics), fc.integer({ min: 200, max: 600 }))
      .map(([topic, length]) => `${topic}indicator `.padEnd(length, 'x')),
  },
)

const subscriptionMessage = fc.oneof(
  {
    weight: 30,
    arbitrary: flagged(
      fc
        .tuple(mostly(fc.constantFrom('\x01', '\0'), fc.constantFrom('\x02', ''), 20), subscription)
        .map(([kind, prefix]) => messageFrame(kind + prefix)),
    ).map(frame => [frame]),
  },
  {
    weight: 4,
    arbitrary: message(
      fc.array(
        fc.tuple(fc.constantFrom('\x01', '\0', 'x'), subscription).map(parts => parts.join('')),
        { minLength: 1, maxLength: 3 },
      ),
    ),
  },
  // Many that match nothing.
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...topics), fc.integer({ min: 60, max: 70 }))
      .map(([topic, count]) => Array.from({ length: count }, (_, number) => messageFrame(`\x01${topic}${number}`))),
  },
)

const subscriptionCommand = fc
  .tuple(fc.constantFrom('SUBSCRIBE', 'CANCEL'), subscription)
  .map(([name, prefix]) => commandFrame(name, prefix))

/**
 * Pings say that they are not to be followed in time, or in a minute: libzmq hangs up when it is over, and counts it in 16 bits
 * of milliseconds. A ping without it has libzmq read, and answer with, what stands behind it in memory.
 */
const ping = fc
  .tuple(fc.constantFrom('\0\0', '\x02\x58'), mostly(latin1({ maxLength: 16 }), latin1({ maxLength: 40 }), 4))
  .map(([timeToLive, context]) => commandFrame('PING', timeToLive + context))

const otherCommand = fc
  .tuple(
    fc.oneof(
      fc.constantFrom('PONG', 'ERROR', 'READY', 'ping', 'PIN', 'PINGS', 'subscribe', 'JOIN'),
      latin1({ minLength: 1, maxLength: 255 }),
    ),
    latin1({ maxLength: 60 }),
  )
  .filter(([name]) => name !== 'PING')
  .map(([name, rest]) => commandFrame(name, `${rest}.`))

/** A body that has no command's name. */
const malformedCommand = fc
  .oneof(
    fc.constantFrom('', '\0', '\0name', '\x05PING', '\xff'),
    latin1({ maxLength: 10 }).map(rest => commandBody('', rest)),
  )
  .map(body => ({ ...messageFrame(body), isCommand: true }))

/** Commands have one frame (RFC 23 "Framing"). Here some say that they have more. */
const unending = (frames: fc.Arbitrary<Frame>): fc.Arbitrary<Frame> =>
  fc.tuple(flagged(frames), mostly(false, fc.constant(true), 30)).map(([frame, more]) => ({ ...frame, more }))

/** Commands, and what is none. */
const command: fc.Arbitrary<Frame> = fc.oneof(
  { weight: 6, arbitrary: unending(ping) },
  { weight: 3, arbitrary: unending(otherCommand) },
  { weight: 1, arbitrary: unending(malformedCommand) },
  // libzmq's ROUTER and SUB would take one with more for the first part of what comes next, which then nobody hears of.
  { weight: 1, arbitrary: flagged(subscriptionCommand) },
)

const tooLong: fc.Arbitrary<Frame> = flagged(
  fc
    .tuple(
      fc.constantFrom(BigInt(maxFrameBytes) + 1n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n),
      fc.boolean(),
      fc.boolean(),
    )
    .map(([announced, isCommand, more]) => ({ ...messageFrame('', more), isCommand, announced })),
)

/** What a peer sends to an end once it has said what it is. */
export const stepsTo = (to: EndType): fc.Arbitrary<Step[]> =>
  fc
    .array(
      fc.oneof<fc.WeightedArbitrary<Step[]>[]>(
        { weight: 16, arbitrary: { ROUTER: request, XPUB: subscriptionMessage, SUB: publication }[to] },
        { weight: to === 'XPUB' ? 12 : 0, arbitrary: unending(subscriptionCommand).map(frame => [frame]) },
        { weight: 6, arbitrary: command.map(frame => [frame]) },
        { weight: 1, arbitrary: tooLong.map(frame => [frame]) },
        { weight: 3, arbitrary: fc.constant([{ do: 'sync' }]) },
        { weight: to === 'XPUB' ? 12 : 0, arbitrary: fc.constant([{ do: 'publish' }]) },
      ),
      { maxLength: to === 'XPUB' ? 15 : 8, size: 'max' },
    )
    .map(steps => steps.flat())

/** One frame of a message or of a command. */
export const frame: fc.Arbitrary<Frame> = fc.oneof(command, flagged(body.map(each => messageFrame(each))))
