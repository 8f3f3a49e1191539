import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { messageOf } from '../../src/protocol/message.ts'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { PubSocket } from '../../src/sockets/pub.ts'
import type { PubLink } from '../../src/sockets/pub-connection.ts'
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

/** A topic, and the number of its next message. */
class Topic {
  readonly name = drawP2pTopic()
  sent = 0
}

/** A connection's chart for one topic, as far as it goes by what the socket tells. */
interface Linked {
  readonly topic: Topic
  readonly link: PubLink
  state: 'gone' | 'flowing' | 'waiting'
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
  test('never leaves a connection waiting, and sends it all of what it joined, in order', async t => {
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
        const topics = [new Topic(), new Topic()]
        const links: Linked[] = []
        let joins = 0
        const pub = new PubSocket(
          { ...listening },
          {
            accept: (name, link) => {
              const linked: Linked = { topic: topics.find(each => each.name === name) as Topic, link, state: 'gone' }
              links.push(linked)
              return {
                mayJoin: true,
                wants: prefixes => {
                  if (prefixes.length > 0) joins++
                  linked.state = prefixes.length > 0 ? 'flowing' : 'gone'
                  heard()
                },
                acknowledged() {},
                drained: () => {
                  if (linked.state === 'waiting') linked.state = 'flowing'
                  heard()
                },
                closed: () => {
                  links.splice(links.indexOf(linked), 1)
                  heard()
                },
              }
            },
            refused() {},
            changesTooOften: assert.fail,
            broken: assert.fail,
            dropped: assert.fail,
          },
        )
        t.after(() => pub.close())
        const port = await pub.bind()
        const connections: (Connection | undefined)[] = [undefined, undefined, undefined]
        const joined = connections.map(() => new Set<Topic>())
        /** Sends a message to each connection of a topic that has room; answers whether all have. */
        const send = (topic: Topic, bytes: number) => {
          const number = topic.sent++
          let everywhere = true
          for (const each of links.filter(linked => linked.topic === topic && linked.state !== 'gone')) {
            if (each.state === 'flowing' && !each.link.hasRoom) each.state = 'waiting'
            if (each.state === 'flowing') each.link.send([messageOf('indicator', `${number} ${'x'.repeat(bytes)}`)])
            else everywhere = false
          }
          return everywhere && links.some(linked => linked.topic === topic && linked.state === 'flowing')
        }
        for (const { do: what, topic, connection: index } of steps) {
          const each = topics[topic] as Topic
          const theirs = joined[index] as Set<Topic>
          if (what === 'join' && !theirs.has(each)) {
            connections[index] ??= new Connection(port, () => heard())
            const before = joins
            connections[index].socket.write(commandOf('SUBSCRIBE', each.name))
            await until(() => joins > before)
            theirs.add(each)
          } else if (what === 'cancel' && theirs.delete(each)) {
            connections[index]?.socket.write(commandOf('CANCEL', each.name))
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
            // Whoever reads gets what comes now.
            const next = each.sent
            const received = () => connections[index]?.received.get(each.name) ?? []
            while ((received().at(-1) ?? -1) < next) {
              send(each, 0)
              await nextTurn()
            }
            const numbers = received()
            for (const [at, number] of numbers.entries()) if (at > 0) assert.ok(number > (numbers[at - 1] as number))
          }
        }
        for (const connection of connections) connection?.socket.destroy()
        await until(() => links.length === 0)
        pub.close()
      }),
      { numRuns: 60 },
    )
  })
})
