import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { messageOf } from '../../src/protocol/message.ts'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { ManageSocket } from '../../src/sockets/manage.ts'
import { SubSocket } from '../../src/sockets/sub.ts'
import { breakReasons } from '../../src/sockets/zmtp/break-reason.ts'
import { ZmtpListener } from '../../src/sockets/zmtp/listener.ts'
import {
  commandOf,
  greetingOf,
  greetingOf2,
  listening,
  numbersOfTypes,
  openPub,
  raw,
  readyOf,
  signature,
  Told,
} from './broker-endpoint.ts'

/** A peer without a library that takes one step after the other, and each byte that it receives must be what it waits for. */
class Stepwise {
  readonly #socket: Socket
  #received = Buffer.alloc(0)

  constructor(t: TestContext, port: number) {
    this.#socket = connect(port, '127.0.0.1')
    t.after(() => this.#socket.destroy())
  }

  send(bytes: Buffer | string): void {
    this.#socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  async expect(bytes: Buffer | string): Promise<void> {
    const expected = typeof bytes === 'string' ? bytes : bytes.toString('latin1')
    while (this.#received.length < expected.length) {
      this.#received = Buffer.concat([this.#received, (await once(this.#socket, 'data'))[0]])
    }
    assert.equal(this.#received.toString('latin1', 0, expected.length), expected)
    this.#received = this.#received.subarray(expected.length)
  }

  /** Greets as libzmq 3.2 does: one step, and the next when the other side has taken its own. */
  async greetAs2(type: keyof typeof numbersOfTypes, other: keyof typeof numbersOfTypes, identity = ''): Promise<void> {
    this.send(signature)
    await this.expect(signature)
    this.send(Buffer.of(1, numbersOfTypes[type]))
    // A higher version than its own is no matter.
    await this.expect(Buffer.of(3, numbersOfTypes[other]))
    this.send(greetingOf2(type, identity).subarray(12))
    await this.expect('\0\0')
  }
}

describe('a peer of ZMTP 2.0', { concurrency: true }, () => {
  for (const type of ['SUB', 'XSUB'] as const) {
    test(`subscribes on pub as ${type}, receives, and unsubscribes`, async t => {
      const topic = drawP2pTopic()
      const { pub, port, told } = await openPub(t)
      const peer = new Stepwise(t, port)
      await peer.greetAs2(type, 'PUB')
      peer.send(`\0\x21\x01${topic}`)
      await told.of(`joined ${topic}`)
      pub.send(topic, [messageOf('indicator', 'x'), messageOf('sighting', 'y'.repeat(300))])
      await peer.expect(`\0\x2b${topic}indicator x\x02\0\0\0\0\0\0\x01\x55${topic}sighting ${'y'.repeat(300)}`)
      peer.send(`\0\x21\0${topic}`)
      await told.of(`left ${topic}`)
    })
  }

  for (const type of ['PUB', 'XPUB'] as const) {
    test(`is subscribed to on sub as ${type}, and publishes`, async t => {
      const told = new Told()
      const sub = new SubSocket(
        { ...listening, maxMessageBytes: 1000, prefixes: ['stix2/', 'threatbus/'] },
        { take: parts => told.note('taken')(parts.join('|')), flush: async () => {} },
        { broken: told.note('broken'), dropped: told.note('dropped') },
      )
      t.after(() => sub.close())
      const peer = new Stepwise(t, await sub.bind())
      await peer.greetAs2(type, 'SUB')
      await peer.expect('\0\x07\x01stix2/\0\x0b\x01threatbus/')
      peer.send('\0\x07stix2/a\x01\x07stix2/b\0\x01c')
      await told.of('taken stix2/b|c')
      assert.deepEqual(told.all, ['taken stix2/a', 'taken stix2/b|c'])
    })
  }

  for (const [type, envelope] of [
    ['REQ', '\x01\0'],
    ['DEALER', ''],
  ] as const) {
    test(`asks on manage as ${type}, whatever its identity, and is answered`, async t => {
      const manage: ManageSocket = new ManageSocket(
        { ...listening, maxMessageBytes: 1000 },
        ({ route, parts }) => manage.reply(route, `${parts}!`),
        { broken: assert.fail, dropped: assert.fail },
      )
      t.after(() => manage.close())
      const peer = new Stepwise(t, await manage.bind())
      await peer.greetAs2(type, 'ROUTER', 'somebody')
      peer.send(`${envelope}\0\x02hi`)
      await peer.expect(`${envelope}\0\x03hi!`)
    })
  }

  test('that sends what is a command in later versions has it passed over', async t => {
    const topic = drawP2pTopic()
    const { port, told } = await openPub(t)
    const socket = connect(port, '127.0.0.1')
    t.after(() => socket.destroy())
    const [passedOver, taken] = [commandOf('SUBSCRIBE', drawP2pTopic()), Buffer.from(`\0\x21\x01${topic}`)]
    socket.write(Buffer.concat([greetingOf2('SUB'), passedOver, commandOf('PING', '\0\0'), taken]))
    await told.of(`joined ${topic}`)
    assert.deepEqual(told.all, [`joined ${topic}`])
  })

  test('that is none this endpoint talks to, or whose identity is none, is refused', async t => {
    const { port, told } = await openPub(t)
    for (const [parts, reason] of [
      [[greetingOf2('PUB')], 'socket_type'],
      [[signature, Buffer.of(1, 11)], 'socket_type'],
      [[greetingOf2('SUB').subarray(0, 12), Buffer.from('\x01\0')], 'malformed_identity'],
      [[greetingOf2('SUB').subarray(0, 12), Buffer.from('\x02\0\0\0\0\0\0\x01\0')], 'frame_too_long'],
    ] as const) {
      await raw(t, port, ...parts)
      assert.equal(told.all.at(-1), `broken ${reason}`)
    }
  })
})

test('a peer of ZMTP 3 hears the rest of the greeting when it has told its version, and not before', async t => {
  const { port } = await openPub(t)
  const peer = new Stepwise(t, port)
  const greeting = greetingOf()
  await peer.expect(greeting.subarray(0, 11))
  peer.send(greeting.subarray(0, 11))
  await peer.expect(greeting.subarray(11))
  peer.send(greeting.subarray(11))
  await peer.expect(readyOf('XPUB'))
  peer.send(readyOf('SUB'))
})

test('nothing is said to a peer that says nothing but what every version since 2.0 understands', async t => {
  const { port, told } = await openPub(t, { handshakeTimeoutMs: 20 })
  for (const parts of [[], [signature.subarray(0, 1)], [signature]]) {
    assert.deepEqual(await raw(t, port, ...parts), Buffer.concat([signature, Buffer.of(3)]))
    assert.equal(told.all.at(-1), 'broken handshake_timeout')
  }
})

test('a peer of ZMTP 1.0 is refused as such as soon as that shows', async t => {
  const { port, told } = await openPub(t)
  const longIdentity = Buffer.concat([Buffer.from('\xff\0\0\0\0\0\0\x01\0\0', 'latin1'), Buffer.alloc(255, 'i')])
  for (const [part, reason] of [
    [Buffer.from('\x01\0'), 'zmtp_1'],
    [Buffer.from('\x09\0identity'), 'zmtp_1'],
    [longIdentity, 'zmtp_1'],
    [longIdentity.subarray(0, 10), 'zmtp_1'],
    [Buffer.concat([signature, Buffer.of(0)]), 'zmtp_1'],
    // These are none: a frame of no bytes, a request of HTTP, one of TLS.
    [Buffer.from('\0\0'), 'not_zmtp'],
    [Buffer.from('GE'), 'not_zmtp'],
    [Buffer.from('\x16\x03\x01'), 'not_zmtp'],
  ] as const) {
    await raw(t, port, part)
    assert.equal(told.all.at(-1), `broken ${reason}`, part.toString('latin1', 0, 12))
  }
})

test('whatever bytes come, however a peer began, they are taken or refused for a reason that has a name', async t => {
  const { port, told } = await openPub(t)
  const beginnings = fc.constantFrom(
    Buffer.alloc(0),
    signature,
    greetingOf(),
    greetingOf2('SUB'),
    Buffer.concat([greetingOf(), readyOf('SUB')]),
    Buffer.concat([greetingOf(), readyOf('SUB').subarray(0, 9)]),
  )
  // Flags and lengths that are likely to be some, and anything.
  const bytes = fc.array(fc.oneof(fc.nat({ max: 9 }), fc.nat({ max: 255 })), { maxLength: 200 })
  await fc.assert(
    fc.asyncProperty(beginnings, bytes, async (beginning, bytes) => {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      socket.resume().end(Buffer.concat([beginning, Buffer.from(bytes)]))
      await new Promise(resolve => socket.on('close', resolve))
    }),
    { numRuns: 200 },
  )
  const names = new Set<string>(breakReasons)
  const reasons = told.all.flatMap(each => (each.startsWith('broken ') ? [each.slice('broken '.length)] : []))
  assert.deepEqual(
    reasons.filter(reason => !names.has(reason)),
    [],
  )
  // Not all of it was taken.
  assert.ok(reasons.length > 0)
})

/** Ways to cut bytes into pieces. */
const cuts = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 })

test('of each version, in whatever pieces it comes, a peer joins, and it is known whether it understands commands', async t => {
  const { port, told } = await openListener(t)
  const hellos = fc.constantFrom(
    { hello: greetingOf2('SUB'), version: '2.0' },
    { hello: greetingOf2('XSUB', 'somebody'), version: '2.0' },
    { hello: Buffer.concat([signature, Buffer.from('\x02\x02\0\0')]), version: '2.0' },
    { hello: Buffer.concat([greetingOf(), readyOf('SUB')]), version: '3' },
    { hello: Buffer.concat([greetingOf(9), readyOf('XSUB')]), version: '3' },
  )
  await fc.assert(
    fc.asyncProperty(hellos, cuts, async ({ hello }, cuts) => {
      const before = told.all.length
      const socket = connect(port, '127.0.0.1')
      const bytes = Buffer.concat([hello, Buffer.from('\0\x04last')])
      for (let at = 0, piece = 0; at < bytes.length; piece++) {
        const length = cuts[piece % cuts.length] as number
        await new Promise(resolve => socket.write(bytes.subarray(at, at + length), resolve))
        at += length
      }
      while (told.all.length < before + 2) await told.next()
      socket.destroy()
      assert.deepEqual(told.all.slice(before), ['accepted never', 'frame last'])
    }),
    { numRuns: 60 },
  )
})

/** A listener that tells of its peers. */
async function openListener(t: TestContext) {
  const told = new Told()
  const listener = new ZmtpListener(
    { ...listening, socketType: 'XPUB', talksTo: ['SUB', 'XSUB'], maxFrameBytes: 1000 },
    { broken: told.note('broken'), dropped: told.note('dropped') },
    peer => {
      told.note('accepted')(peer.takesPings)
      return { heldBytes: 0, frame: body => told.note('frame')(String(body)), command() {}, drained() {}, closed() {} }
    },
  )
  t.after(() => listener.close())
  return { port: await listener.bind(), told }
}
