import fc from 'fast-check'
import { numbersOfTypes } from '../broker-endpoint.ts'
import { byte, isLong, latin1, mostly, reserved } from './byte-arbitraries.ts'
import { talksTo } from './ends.ts'
import type { Bytes, EndType, Greeting, Ready } from './script.ts'

const padding = mostly(fc.constantFrom('\0'.repeat(8), '\0\0\0\0\0\0\0\x01'), latin1({ minLength: 8, maxLength: 8 }))

const greetingOfVersion3: fc.Arbitrary<Greeting> = fc.record({
  version: fc.constant(3),
  padding,
  signatureEnd: mostly(
    0x7f,
    byte.map(each => each | 1),
  ),
  // What follows 3 must be accepted (RFC 23 "Version Negotiation").
  major: mostly(3, fc.integer({ min: 4, max: 255 })),
  minor: fc.oneof(fc.constantFrom(0, 1), byte),
  mechanism: mostly(
    'NULL',
    fc.constantFrom('PLAIN', 'CURVE', 'GSSAPI', 'null', '', 'NULL\0x', 'NULLNULLNULLNULLNULL'),
    30,
  ),
  asServer: mostly(0, byte),
  filler: mostly('\0'.repeat(31), latin1({ minLength: 31, maxLength: 31 })),
})

const identity = latin1({ maxLength: 255 })

/** Greetings to an end, of all versions. */
export const greetingTo = (to: EndType): fc.Arbitrary<Greeting> =>
  fc.oneof(
    { weight: 16, arbitrary: greetingOfVersion3 },
    {
      weight: 3,
      arbitrary: fc.record({
        version: fc.constant(2),
        padding,
        revision: mostly(1, fc.constant(2), 19),
        socketType: mostly(fc.constantFrom(...talksTo[to].map(type => numbersOfTypes[type])), fc.nat(10)),
        identity,
      }),
    },
    // Longer ones begin with another byte than their length, which version 2 and 3 begin with.
    { weight: 1, arbitrary: fc.record({ version: fc.constant(1), identity: latin1({ maxLength: 100 }) }) },
  )

/** A property that is not of the broker's business. */
const otherProperty = fc.tuple(
  fc.oneof(
    fc.constantFrom('Identity', 'identity', 'Resource', 'X-', 'socket_type'),
    latin1({ minLength: 1, maxLength: 255 }),
  ),
  mostly(
    latin1({ maxLength: 50 }),
    fc
      .oneof(
        { weight: 4, arbitrary: fc.integer({ min: 200, max: 6000 }) },
        { weight: 1, arbitrary: fc.integer({ min: 64_000, max: 67_000 }) },
      )
      .map(length => 'v'.repeat(length)),
  ),
)

const socketType = (to: EndType): fc.Arbitrary<readonly [Bytes, Bytes]> =>
  fc.tuple(
    mostly('Socket-Type', fc.constantFrom('socket-type', 'SOCKET-TYPE', 'Socket-type')),
    mostly(
      fc.constantFrom<string>(...talksTo[to]),
      fc.constantFrom(
        'REQ',
        'REP',
        'DEALER',
        'ROUTER',
        'PUB',
        'SUB',
        'XPUB',
        'XSUB',
        'PUSH',
        'PULL',
        'PAIR',
        'sub',
        '',
        'SUBS',
      ),
    ),
  )

/** What a peer says of itself to an end, and what it says instead. */
export const readyTo = (to: EndType): fc.Arbitrary<Ready> =>
  fc.record({
    isCommand: mostly(true, fc.constant(false), 50),
    more: mostly(false, fc.constant(true), 50),
    isLong,
    reserved,
    name: mostly('READY', fc.constantFrom('ERROR', 'HELLO', 'ready', 'READYX', 'PING', 'SUBSCRIBE'), 30),
    properties: fc
      .tuple(
        fc.array(otherProperty, { maxLength: 2 }),
        mostly(
          fc.array(socketType(to), { minLength: 1, maxLength: 1 }),
          fc.array(socketType(to), { maxLength: 2 }),
          15,
        ),
        fc.array(otherProperty, { maxLength: 1 }),
      )
      .map(properties => properties.flat()),
    tail: mostly(
      '',
      fc.oneof(
        fc.constantFrom(
          '\x05',
          '\x05abc',
          '\x03abc',
          '\x03abc\0\0\0',
          '\x03abc\0\0\0\x05',
          '\x03abc\0\0\0\x05value'.slice(0, -1),
          '\x0bSocket-Type\0\0\0\x04SUB',
        ),
        latin1({ minLength: 1, maxLength: 20 }),
      ),
      20,
    ),
  })
