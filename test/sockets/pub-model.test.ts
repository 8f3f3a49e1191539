import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { messageOf } from '../../src/protocol/message.ts'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { PubSocket } from '../../src/sockets/pub.ts'
import { FrameReader } from '../../src/sockets/zmtp/frame-reader.ts'
import { commandOf, greetingOf, listening, readyOf } from './broker-endpoint.ts'

/** Steps of a life with two topics and three connections. */
const topic = fc.nat({ max: 1 })
const connection = fc.nat({ max: 2 })
const step = fc.oneof(
  fc.record({ do: fc.constant('join' as const), topic, connection }),
  fc.record({ do: fc.constant('cancel' as const), topic, connection }),
  fc.record({ do: fc.constant('fill' as const), topic, connection }),
  fc.record({ do: fc.constantFrom('leave' as const, 'end' as const), topic, connection }),
  fc.record({ do: fc.constantFrom('read' as const, 'stop' as const), topic, connection }),
  fc.record({ do: fc.constant('turn' as const), topic, connection }),
)

/** A subscriber's chart, as far as it goes by what the socket tells. */
class Subscription {
  readonly topic = drawP2pTopic()
  state: 'gone' | 'flowing' | 'waiting' = 'gone'
  sent = 0
  joins = 0
}

/** One peer without a library. */
class Connection {
  readonly socket: Socket
  /** The numbers of the messages that it received, by topic. */
  readonly received = new Map<string, number[]>()

  constructor(port: number, heard: () => void) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('error', () => {})
    let skipped = 0
    const frames = new FrameReader(1_000_000, ({ body, isCommand }) => {
      if (isCommand) return
      const of = String(body.subarray(0, 32))
      this.received.set(of, [...(this.received.get(of) ?? []), Number(String(body.subarray(32, 60)).split(' ')[1])])
      heard()
    })
    this.socket.on('data', (chunk: Buffer) => {
      const greeting = Math.min(64 - skipped, chunk.length)
      skipped += greeting
      frames.read(chunk.subarray(greeting))
    })
    this.socket.write(Buffer.concat([greetingOf(), readyOf('SUB')]))
  }
}

describe('pub, whoever joins, fills, reads and leaves,', () => {
  test('never leaves a topic waiting, and sends each connection all of it, in order', async t => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async steps => {
        let heard = () => {}
        const until = async (isSo: () => boolean) => {
          while (!isSo()) {
            await new Promise<void>(resolve => {
              heard = resolve
            })
          }
        }
        const subscriptions = [new Subscription(), new Subscription()]
        const told = (topic: string, tell: (subscription: Subscription) => void) => {
          for (const each of subscriptions) if (each.topic === topic) tell(each)
          heard()
        }
        const pub = new PubSocket(
          { ...listening },
          {
            admits: () => true,
            joined: topic =>
              told(topic, each => {
                each.joins++
                if (each.state === 'gone') each.state = 'flowing'
              }),
            left: topic =>
              told(topic, each => {
                assert.notEqual(each.state, 'gone', 'left follows joined')
                each.state = 'gone'
              }),
            drained: topic =>
              told(topic, each => {
                if (each.state === 'waiting') each.state = 'flowing'
              }),
            refused() {},
            broken: assert.fail,
            dropped: assert.fail,
          },
        )
        t.after(() => pub.close())
        const port = await pub.bind()
        const connections: (Connection | undefined)[] = [undefined, undefined, undefined]
        const joined = connections.map(() => new Set<Subscription>())
        const send = (each: Subscription, bytes: number) => {
          if (each.state === 'flowing' && !pub.hasRoom(each.topic)) each.state = 'waiting'
          if (each.state !== 'flowing') return false
          pub.send(each.topic, [messageOf('indicator', `${each.sent++} ${'x'.repeat(bytes)}`)])
          return true
        }
        for (const { do: what, topic, connection: index } of steps) {
          const each = subscriptions[topic] as Subscription
          const theirs = joined[index] as Set<Subscription>
          if (what === 'join' && !theirs.has(each)) {
            connections[index] ??= new Connection(port, () => heard())
            const joins = each.joins
            connections[index].socket.write(commandOf('SUBSCRIBE', each.topic))
            await until(() => each.joins > joins)
            theirs.add(each)
          } else if (what === 'cancel' && theirs.delete(each)) {
            connections[index]?.socket.write(commandOf('CANCEL', each.topic))
          } else if (what === 'fill') {
            while (send(each, 50_000));
          } else if (what === 'read') connections[index]?.socket.resume()
          else if (what === 'stop') connections[index]?.socket.pause()
          else if (what === 'leave' || what === 'end') {
            if (what === 'leave') connections[index]?.socket.destroy()
            else connections[index]?.socket.end()
            connections[index] = undefined
            theirs.clear()
          } else await nextTurn()
        }
        for (const connection of connections) connection?.socket.resume()
        for (const [index, theirs] of joined.entries()) {
          for (const each of theirs) {
            // Whoever reads gets what comes now, and before it all others since it joined.
            const next = each.sent
            const received = () => connections[index]?.received.get(each.topic) ?? []
            while ((received().at(-1) ?? -1) < next) {
              await until(() => send(each, 0))
              await nextTurn()
            }
            const numbers = received()
            // It may have cancelled and joined again.
            for (const [at, number] of numbers.entries()) if (at > 0) assert.ok(number > (numbers[at - 1] as number))
          }
        }
        for (const connection of connections) connection?.socket.destroy()
        await until(() => subscriptions.every(({ state }) => state === 'gone'))
        pub.close()
      }),
      { numRuns: 60 },
    )
  })
})
