import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { factsOf } from '../../src/inspector/story/facts.ts'
import { projectedEvent } from '../../src/inspector/trace/projection.ts'

const word = fc.stringMatching(/^[b-z]{1,8}$/)

test('of an event is told what it carried, and neither where a reply goes nor that there were bytes or actors', () => {
  fc.assert(
    fc.property(word, word, fc.nat(), fc.uint8Array(), (name, text, number, bytes) => {
      const actor = { sessionId: 'x:1', id: 'manage' }
      const event = projectedEvent({
        ...{ type: 'management.heartbeat', route: [bytes], actorId: text, bytes, parts: [bytes, [bytes]], actor },
        [name]: { text, number, none: null },
      } as { type: string })
      assert.deepEqual(factsOf(event), [
        { name: `${name}.text`, value: text },
        { name: `${name}.number`, value: number },
      ])
    }),
  )
})
