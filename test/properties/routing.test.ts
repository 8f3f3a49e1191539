import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { batchOf } from '../../src/delivery/batch.ts'
import { Queue } from '../../src/delivery/queue.ts'
import { RoutingTable } from '../../src/delivery/routing.ts'
import { type Message, messageOf } from '../../src/protocol/message.ts'
import { interestOf, type MessageType } from '../../src/protocol/topics.ts'

const type = fc.constantFrom<MessageType>('indicator', 'sighting')
const topic = fc.oneof(
  fc.constantFrom(
    'stix2',
    'stix2/',
    'stix2/ind',
    'stix2/indicator',
    'stix2/sighting',
    'stix2/s',
    'stix2/indicators',
    'x',
  ),
  fc.string({ minLength: 1 }),
)

function drained(queue: Queue): Message[] {
  const messages: Message[] = []
  for (let head = queue.head; head !== undefined; head = queue.head) {
    messages.push(head)
    queue.skip(head)
  }
  return messages
}

const openQueue = () =>
  new Queue(
    { maxMessages: 1e6, maxBytes: 1e9, whenFull: 'drop_oldest' },
    { filled() {}, overflowed() {}, recovered() {} },
  )

describe('the routing table', () => {
  test('gives each subscription every message that one of its topics is a prefix of, once and in order', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(topic, { minLength: 1, maxLength: 4 }), { maxLength: 8 }),
        fc.array(fc.array(type, { maxLength: 8 }), { maxLength: 8 }),
        (subscriptions, batches) => {
          const table = new RoutingTable()
          const queues = subscriptions.map(topics => {
            const queue = openQueue()
            table.add(queue, interestOf(topics))
            return { topics, queue }
          })
          const published: Message[] = []
          for (const types of batches) {
            const messages = types.map(each => messageOf(each, '{}'))
            published.push(...messages)
            table.route(batchOf(messages))
          }
          for (const { topics, queue } of queues) {
            const wanted = published.filter(message => topics.some(each => `stix2/${message.type}`.startsWith(each)))
            assert.deepEqual(drained(queue), wanted)
          }
        },
      ),
    )
  })

  test('gives nothing to a queue that was removed, and goes on with the others', () => {
    const table = new RoutingTable()
    const [leaving, staying] = [openQueue(), openQueue()]
    table.add(leaving, 'both')
    table.add(staying, 'both')
    table.remove(leaving)
    table.route(batchOf([messageOf('sighting', '{}')]))
    assert.equal(leaving.length, 0)
    assert.equal(staying.length, 1)
  })

  test('shares one batch between subscribers with the same interest', () => {
    const table = new RoutingTable()
    const queues = [openQueue(), openQueue()]
    for (const queue of queues) table.add(queue, 'indicator')
    table.route(batchOf([messageOf('indicator', '{}'), messageOf('sighting', '{}')]))
    const [one, other] = queues.map(queue => queue.head)
    assert.notEqual(one, undefined)
    assert.equal(one, other)
  })
})
