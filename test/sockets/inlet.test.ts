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
  /** How many turns it takes to take each message, likewise. */
  takeTurns: fc.array(fc.oneof(fc.constant(0), fc.nat({ max: 5 })), { minLength: 1 }),
})

async function after(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await nextTurn()
}

describe('what publishers send', () => {
  test('is all taken in order and flushed, also when they leave at once, however long takes and flushes take', async t => {
    await fc.assert(
      fc.asyncProperty(publications, async ({ counts, messageBytes, flushTurns, takeTurns }) => {
        const told = new Told()
        const noteFlush = told.note('flushed')
        const taken: string[] = []
        let flushed = 0
        let flushes = 0
        let takes = 0
        const sub = new SubSocket(
          { ...listening, maxMessageBytes: 100_000, prefixes: ['stix2/'] },
          {
            take: ([body]) => {
              const take = () => void taken.push(String(body).split(' ')[0] as string)
              const turns = takeTurns[takes++ % takeTurns.length] as number
              return turns === 0 ? take() : after(turns).then(take)
            },
            flush: async () => {
              const held = taken.length
              await after(flushTurns[flushes++ % flushTurns.length] as number)
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

  test('waits for what its publisher sent before and takes its time, and for nothing of others', async t => {
    const told = new Told()
    let finish = () => {}
    const sub = new SubSocket(
      { ...listening, maxMessageBytes: 100_000, prefixes: ['stix2/'] },
      {
        take: ([body]) => {
          told.note('taken')(String(body))
          if (!String(body).endsWith('/long')) return
          return new Promise(resolve => {
            finish = resolve
          })
        },
        flush: async () => told.note('flushed')(),
      },
      { broken: assert.fail, dropped: assert.fail },
    )
    t.after(() => sub.close())
    const port = await sub.bind()
    const publisher = (...topics: string[]) => {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      t.after(() => socket.destroy())
      const frames = topics.map(topic => encodeFrames([Buffer.from(topic)]))
      socket.write(Buffer.concat([greetingOf(), readyOf('PUB'), ...frames]))
    }
    publisher('stix2/a/1', 'stix2/a/long', 'stix2/a/2')
    await told.of('taken stix2/a/long')
    publisher('stix2/b/1', 'stix2/b/2')
    await told.of('taken stix2/b/2')
    while (told.all.at(-1) !== 'flushed') await told.next()
    assert.ok(!told.all.includes('taken stix2/a/2'))
    finish()
    await told.of('taken stix2/a/2')
    const taken = told.all.filter(each => each !== 'flushed').map(each => each.slice('taken stix2/'.length))
    assert.deepEqual(taken, ['a/1', 'a/long', 'b/1', 'b/2', 'a/2'])
  })
})
