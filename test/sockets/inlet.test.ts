import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { SubSocket } from '../../src/sockets/sub.ts'
import { encodeFrames } from '../../src/sockets/zmtp/frame-reader.ts'
import { greetingOf, listening, readyOf, Told } from './broker-endpoint.ts'

const publications = fc.record({
  /** How many messages each publisher has. */
  counts: fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 8 }),
  messageBytes: fc.constantFrom(0, 100, 5000),
  /** How many turns each flush takes, one after the other. */
  flushTurns: fc.array(fc.nat({ max: 5 }), { minLength: 1 }),
})

describe('what publishers send', () => {
  test('is all taken in order and flushed, also when they leave at once, however long flushes take', async t => {
    await fc.assert(
      fc.asyncProperty(publications, async ({ counts, messageBytes, flushTurns }) => {
        const told = new Told()
        const noteFlush = told.note('flushed')
        const taken: string[] = []
        let flushed = 0
        let flushes = 0
        const sub = new SubSocket(
          { ...listening, maxMessageBytes: 100_000, prefixes: ['stix2/'] },
          {
            take: ([body]) => taken.push(String(body).split(' ')[0] as string),
            flush: async () => {
              const held = taken.length
              for (let turns = flushTurns[flushes++ % flushTurns.length] as number; turns > 0; turns--) await nextTurn()
              flushed = held
              noteFlush(String(held))
            },
          },
          { broken: assert.fail, dropped: assert.fail },
        )
        t.after(() => sub.close())
        const port = await sub.bind()
        for (const [publisher, count] of counts.entries()) {
          const bodies = Array.from(
            { length: count },
            (_, at) => `stix2/${publisher}/${at} ${'x'.repeat(messageBytes)}`,
          )
          const frames = bodies.map(body => encodeFrames([Buffer.from(body)]))
          const socket = connect(port, '127.0.0.1').on('error', () => {})
          // What the broker says has to be read, or it is lost what was sent when this ends.
          socket.resume()
          socket.end(Buffer.concat([greetingOf(), readyOf('PUB'), ...frames]))
        }
        const total = counts.reduce((sum, count) => sum + count, 0)
        if (total > 0) await told.of(`flushed ${total}`)
        assert.equal(flushed, total)
        for (const [publisher, count] of counts.entries()) {
          assert.deepEqual(
            taken.filter(each => each.startsWith(`stix2/${publisher}/`)),
            Array.from({ length: count }, (_, at) => `stix2/${publisher}/${at}`),
          )
        }
        sub.close()
      }),
      { numRuns: 30 },
    )
  })
})
