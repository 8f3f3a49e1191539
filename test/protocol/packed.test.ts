import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { packed } from '../../src/delivery/packed.ts'
import { framed } from '../../src/protocol/message.ts'

/** What was read: how long the messages in it are, and how much else there is between them. */
const chunks = fc.array(
  fc.record({
    lengths: fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 20 }),
    refused: fc.oneof(fc.constant(0), fc.nat({ max: 60_000 })),
  }),
  { minLength: 1, maxLength: 10 },
)

/** Messages as pieces of what they came in. */
function messagesIn(drawn: { lengths: number[]; refused: number }[]) {
  let count = 0
  return drawn.flatMap(({ lengths, refused }) => {
    const chunk = Buffer.allocUnsafeSlow(lengths.reduce((sum, length) => sum + length, refused))
    let at = refused
    return lengths.map(length => {
      at += length
      return framed('indicator', chunk.subarray(at - length, at).fill(count++))
    })
  })
}

const memoryOf = (messages: readonly { frame: Buffer }[]) =>
  [...new Set(messages.map(({ frame }) => frame.buffer))].reduce((sum, { byteLength }) => sum + byteLength, 0)

describe('messages that are packed', () => {
  test('are the same, and keep no more than twice the memory that they have', () => {
    fc.assert(
      fc.property(chunks, drawn => {
        const messages = messagesIn(drawn)
        const before = messages.map(({ frame }) => String(frame))
        const after = packed(messages)
        assert.deepEqual(
          after.map(({ frame }) => String(frame)),
          before,
        )
        assert.ok(memoryOf(after) <= 2 * messages.reduce((sum, { frame }) => sum + frame.length, 0))
      }),
    )
  })

  test('are not copied if there is little else in what they came in', () => {
    const messages = messagesIn([{ lengths: [500, 600, 700], refused: 1000 }])
    assert.equal(packed(messages), messages)
  })
})
