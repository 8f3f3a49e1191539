import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { type Message, messageOf, type NumberedMessage } from '../../src/protocol/message.ts'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { FrameReader } from '../../src/sockets/zmtp/frame-reader.ts'
import { commandOf, greetingOf, openPub, readyOf } from './broker-endpoint.ts'

/** Bytes of messages: short, of any characters, around the length from which on they are not copied, and longer than a write. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 100 }).map(drawn => String(Buffer.from(drawn))),
  fc.constantFrom(0, 10, 245, 20_000, 65_515, 65_526, 65_527, 100_000, 300_000).map(length => 'x'.repeat(length)),
  fc.constantFrom(100, 10_000, 32_800).map(length => 'ü☕'.repeat(length)),
)
const run = fc.array(text, { minLength: 1, maxLength: 12 })

/** A connection that reads when the test wants, and knows what it is to receive. */
class Reader {
  readonly socket: Socket
  readonly topic: string
  readonly #received: Buffer[] = []
  readonly #expected: Buffer[] = []
  #receivedBytes = 0
  #expectedBytes = 0
  #more = () => {}

  constructor(port: number, topic: string) {
    this.topic = topic
    this.socket = connect(port, '127.0.0.1')
    // PINGs come between what is sent.
    const frames = new FrameReader(1_000_000, ({ body, isCommand }) => {
      if (!isCommand) this.#take(body)
    })
    let skipped = 0
    this.socket.on('data', chunk => {
      const greeting = Math.min(64 - skipped, chunk.length)
      skipped += greeting
      frames.read(chunk.subarray(greeting))
      this.#more()
    })
    this.socket.write(Buffer.concat([greetingOf(), readyOf('SUB'), commandOf('SUBSCRIBE', topic)]))
  }

  /** Written out here, so that what the broker makes of it is compared with something else. */
  expect(message: Message | NumberedMessage): void {
    const bodies = [Buffer.concat([Buffer.from(this.topic), message.frame])]
    if ('sequence' in message) {
      bodies.push(Buffer.from(`{"sequence":${message.sequence},"accepted":${message.acceptedMs}}`))
    }
    for (const body of bodies) {
      this.#expected.push(body)
      this.#expectedBytes += body.length
    }
  }

  #take(body: Buffer): void {
    this.#received.push(body)
    this.#receivedBytes += body.length
  }

  async receivesWhatItIsTo(): Promise<void> {
    this.socket.resume()
    while (this.#receivedBytes < this.#expectedBytes) {
      await new Promise<void>(resolve => {
        this.#more = resolve
      })
    }
    assert.ok(Buffer.concat(this.#received).equals(Buffer.concat(this.#expected)), 'every byte is what was sent')
  }
}

describe('runs', () => {
  test('reach fast and slow readers byte for byte, whatever was sent to others meanwhile', async t => {
    const step = fc.oneof(
      fc.record({ send: run, to: fc.nat({ max: 2 }) }),
      fc.record({ fill: fc.nat({ max: 2 }) }),
      fc.record({ pause: fc.nat({ max: 3 }) }),
      fc.record({ resume: fc.nat({ max: 3 }) }),
      fc.constant({ turn: true }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async steps => {
        const { pub, port, told } = await openPub(t)
        // Two connections share the last topic.
        const topics = Array.from({ length: 3 }, drawP2pTopic)
        const readers = [...topics, topics[2] as string].map(topic => new Reader(port, topic))
        for (const topic of topics) await told.of(`joined ${topic}`, topic === topics[2] ? 2 : 1)
        let sequence = 0
        const send = (to: number, run: Message[]) => {
          const topic = topics[to] as string
          // One of them wants to know the numbers.
          const numbered = (message: Message) => ({ ...message, sequence: ++sequence, acceptedMs: 1e12 + sequence })
          const messages = to === 1 ? run.map(numbered) : run
          pub.send(topic, messages)
          for (const reader of readers)
            if (reader.topic === topic) for (const message of messages) reader.expect(message)
        }
        const filling = messageOf('indicator', 'f'.repeat(60_000))
        for (const each of steps) {
          if ('send' in each) {
            const messages = each.send.map(body => messageOf('indicator', body))
            // The same messages go to everybody, as they do in the broker.
            for (let to = 0; to <= each.to; to++) send(to, messages)
          } else if ('fill' in each) {
            // As much as the systems between them take: from then on runs wait in this process.
            for (let count = 0; count < 200 && pub.hasRoom(topics[each.fill] as string); count++)
              send(each.fill, [filling])
          } else if ('pause' in each) readers[each.pause]?.socket.pause()
          else if ('resume' in each) readers[each.resume]?.socket.resume()
          else await nextTurn()
        }
        await Promise.all(readers.map(reader => reader.receivesWhatItIsTo()))
        for (const { socket } of readers) socket.destroy()
        pub.close()
        assert.ok(!told.all.some(each => /broken|dropped/.test(each)))
      }),
      { numRuns: 25 },
    )
  })
})
