import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { projected } from '../../src/inspector/trace/projection.ts'

const topics = fc.stringMatching(/^[a-z]{32}$/)

describe('what leaves the process of events and contexts', () => {
  test('is JSON and bounded, whatever it was', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withTypedArray: true, withDate: true, withMap: true }), value => {
        const text = JSON.stringify(projected(value))
        assert.deepEqual(JSON.parse(text), projected(value))
      }),
    )
    const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`key${n}`, 'x'.repeat(10_000)]))
    assert.ok(JSON.stringify(projected([wide, wide])).length < 100_000)
  })

  test('has no p2p topic, wherever in a text it stands', () => {
    fc.assert(
      fc.property(topics, fc.string(), fc.nat(300), (topic, text, place) => {
        const cut = place % (text.length + 1)
        const hidden = `${'_'.repeat(place)}${text.slice(0, cut)}${topic}${text.slice(cut)}`
        const shown = JSON.stringify(projected({ [hidden]: [hidden], topic }))
        for (let from = 0; from + 8 <= topic.length; from++) {
          assert.ok(!shown.includes(topic.slice(from, from + 8)), shown)
        }
      }),
    )
  })

  test('has no bytes, no functions and no actors', () => {
    const value = { route: [new Uint8Array(5)], act: () => {}, actor: { id: 'pub', sessionId: 'x:1' } }
    assert.deepEqual(projected(value), { route: ['(5 bytes)'], actor: '(actor pub)' })
  })
})
