import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { wantedBy } from '../../src/delivery/wanted.ts'
import { messageOf } from '../../src/protocol/message.ts'
import { keptPrefix } from '../../src/sockets/prefixes.ts'

const messages = (['indicator', 'sighting', 'snapshotrequest'] as const).flatMap(type =>
  ['{}', '{"id":1}', '{"id":2}'].map(body => messageOf(type, body)),
)

/** Prefixes of what there is, and what is like them. */
const prefix = fc
  .tuple(fc.constantFrom(...messages), fc.nat({ max: 30 }), fc.constantFrom('', '', ' ', 'x', 'é'))
  .map(([{ frame }, length, more]) => frame.toString('latin1', 0, length) + more)

describe('prefixes that are kept', () => {
  test('match what all of them match', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(prefix, fc.string()), { minLength: 1, maxLength: 5 }), prefixes => {
        const kept = prefixes.map(each => keptPrefix(each)?.prefix).filter(each => each !== undefined)
        const matchedBy = (prefixes: readonly string[]) => {
          const { types, accepts } = wantedBy(prefixes)
          return messages.filter(message => types.includes(message.type) && accepts?.(message) !== false)
        }
        assert.deepEqual(matchedBy(kept), matchedBy(prefixes))
        for (const each of prefixes) {
          const matches = messages.some(({ frame }) => frame.toString('latin1', 0, each.length) === each)
          if (matches) assert.equal(keptPrefix(each)?.prefix, each)
        }
      }),
    )
  })

  test('take memory only if they go on behind a type', () => {
    for (const each of ['', 'i', 'indicator', 'indicator ', 'snapshotrequest '])
      assert.equal(keptPrefix(each)?.bytes, 0)
    for (const each of ['x', 'indicators', 'indicatorx ', ' ']) assert.equal(keptPrefix(each), undefined)
    assert.ok((keptPrefix('indicator {')?.bytes ?? 0) > 11)
  })
})
