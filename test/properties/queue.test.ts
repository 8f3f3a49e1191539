import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { batchOf } from '../../src/delivery/batch.ts'
import { Queue } from '../../src/delivery/queue.ts'
import { type Message, messageOf } from '../../src/protocol/message.ts'

/** A queue under test with everything it told its owner, and the simplest model of it: an array. */
function openQueue(maxMessages: number, maxBytes: number) {
  const edges: string[] = []
  const queue = new Queue(
    { maxMessages, maxBytes, whenFull: 'drop_oldest' },
    {
      filled: () => edges.push('filled'),
      overflowed: () => edges.push('overflowed'),
      recovered: dropped => edges.push(`recovered ${dropped}`),
    },
  )
  return { queue, edges }
}

let serial = 0
const message = (bytes: number): Message => messageOf('indicator', JSON.stringify({ serial: serial++ }), { bytes })
const bytesOf = (messages: readonly Message[]) => messages.reduce((sum, { bytes }) => sum + bytes, 0)

const operation = fc.oneof(
  fc.record({ push: fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 200 }) }),
  fc.record({ take: fc.integer({ min: 1, max: 300 }) }),
  fc.constant({ clear: true as const }),
)

describe('a queue', () => {
  test('is an array with bounds: first in, first out, the oldest dropped when it is full', () => {
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 60 }),
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 60, max: 4000 }),
        (operations, maxMessages, maxBytes) => {
          const { queue } = openQueue(maxMessages, maxBytes)
          let model: Message[] = []
          let dropped = 0
          for (const each of operations) {
            if ('push' in each) {
              const messages = each.push.map(message)
              queue.push(batchOf(messages))
              model.push(...messages)
              while (model.length > maxMessages || bytesOf(model) > maxBytes) {
                model.shift()
                dropped++
              }
            } else if ('take' in each) {
              for (let taken = 0; taken < each.take; taken++) {
                const head = queue.head
                assert.equal(head, model.shift())
                if (head === undefined) break
                queue.skip(head)
              }
            } else {
              queue.clear()
              model = []
            }
            assert.equal(queue.length, model.length)
            assert.equal(queue.bytes, bytesOf(model))
            assert.equal(queue.head, model[0])
            assert.equal(queue.dropped, dropped)
          }
        },
      ),
    )
  })

  test('tells its owner only when it goes from empty to non-empty', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), operations => {
        const { queue, edges } = openQueue(1_000_000, 1_000_000_000)
        let expected = 0
        for (const each of operations) {
          if ('push' in each) {
            if (queue.length === 0 && each.push.length > 0) expected++
            queue.push(batchOf(each.push.map(message)))
          } else if ('take' in each) {
            for (let taken = 0; taken < each.take && queue.head !== undefined; taken++) queue.skip(queue.head)
          } else queue.clear()
          assert.deepEqual(edges, Array(expected).fill('filled'))
        }
      }),
    )
  })

  test('tells of an overflow once per episode, and at its end how many messages were dropped', () => {
    const { queue, edges } = openQueue(3, 1_000_000)
    queue.push(batchOf([message(1), message(1), message(1)]))
    queue.push(batchOf([message(1)]))
    queue.push(batchOf([message(1), message(1)]))
    assert.deepEqual(edges, ['filled', 'overflowed'])
    while (queue.head !== undefined) queue.skip(queue.head)
    assert.deepEqual(edges, ['filled', 'overflowed', 'recovered 3'])
    queue.push(batchOf([message(1), message(1), message(1), message(1)]))
    assert.deepEqual(edges.slice(3), ['overflowed', 'filled'])
    // A subscriber that leaves takes its queue along; what was dropped until then is told.
    queue.clear()
    assert.deepEqual(edges.slice(5), ['recovered 1'])
  })

  test('does not step over a message that an overflow dropped while it was being sent', () => {
    const { queue } = openQueue(2, 1_000_000)
    const [first, second, third] = [message(1), message(1), message(1)]
    queue.push(batchOf([first, second]))
    const sending = queue.head
    queue.push(batchOf([third]))
    queue.skip(sending as Message)
    assert.equal(queue.head, second)
    assert.equal(queue.length, 2)
  })
})
