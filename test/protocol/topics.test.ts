import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { drawP2pTopic, interestOf, keptTopics, shortened, snapshotTypesOf } from '../../src/protocol/topics.ts'

describe('a p2p topic', () => {
  test('is 32 random letters', () => {
    const topics = Array.from({ length: 1000 }, drawP2pTopic)
    for (const topic of topics) assert.match(topic, /^[a-z]{32}$/)
    assert.equal(new Set(topics).size, 1000)
    assert.equal(new Set(topics.join('')).size, 26)
  })

  test('is shown shortened', () => {
    assert.equal(shortened('abcdefghijklmnopqrstuvwxyzabcdef'), 'abcdef…')
  })
})

describe('a subscribed topic', () => {
  test('covers what it is a prefix of', () => {
    const table: [string[], string][] = [
      [['stix2/indicator'], 'indicator'],
      [['stix2/sighting'], 'sighting'],
      [['stix2'], 'both'],
      [['stix2/'], 'both'],
      [['stix2/ind'], 'indicator'],
      [['stix2/indicator', 'stix2/sighting'], 'both'],
      [['stix2/indicator', 'stix2/ind'], 'indicator'],
      [['stix2/indicators'], 'none'],
      [['threatbus'], 'none'],
    ]
    for (const [topics, interest] of table) assert.equal(interestOf(topics), interest, topics.join())
  })

  test('asks snapshots of the types it covers', () => {
    assert.deepEqual(snapshotTypesOf('stix2'), ['indicator', 'sighting'])
    assert.deepEqual(snapshotTypesOf('stix2/'), ['indicator', 'sighting'])
    assert.deepEqual(snapshotTypesOf('stix2/indicator'), ['indicator'])
    assert.deepEqual(snapshotTypesOf('stix2/sighting'), ['sighting'])
    for (const topic of ['stix2/ind', 's', 'stix', 'unknown']) assert.deepEqual(snapshotTypesOf(topic), [], topic)
  })
})

describe('what is kept of topics', () => {
  const matching = fc.constantFrom('stix2/indicator', 'stix2/sighting').chain(whole => {
    return fc.integer({ min: 1, max: whole.length }).map(length => whole.slice(0, length))
  })
  const p2pTopic = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'), minLength: 32, maxLength: 32 })
  const part = fc.oneof(matching, p2pTopic, fc.string({ unit: 'binary', maxLength: 40 }), fc.constantFrom('…', '/'))
  const topic = fc.oneof(
    matching,
    fc.array(part, { minLength: 1, maxLength: 3 }).map(parts => parts.join('')),
    fc.integer({ min: 1, max: 100_000 }).map(length => 'x'.repeat(length)),
  )
  const topics = fc.array(topic, { maxLength: 200 })

  test('hears the same', () => {
    fc.assert(
      fc.property(topics, given => {
        const kept = keptTopics(given)
        assert.equal(interestOf(kept), interestOf(given))
        const heard = (each: string) => interestOf([each]) !== 'none'
        assert.deepEqual(kept.filter(heard), [...new Set(given.filter(heard))])
      }),
    )
  })

  test('is little, of topics that match nothing a few', () => {
    fc.assert(
      fc.property(topics, given => {
        const others = keptTopics(given).filter(each => interestOf([each]) === 'none')
        assert.ok(others.length <= 5 && others.every(each => each.length <= 25), JSON.stringify(others))
        // All that a subscription can have of the rest are the beginnings of two topics.
        assert.ok(JSON.stringify(keptTopics(given)).length < 1500)
        const few = new Set(given.filter(each => interestOf([each]) === 'none' && each.length <= 24))
        if (given.every(each => each.length <= 24) && few.size <= 4) assert.deepEqual(new Set(others), few)
      }),
    )
  })

  test('is kept again as it is', () => {
    fc.assert(fc.property(topics, given => assert.deepEqual(keptTopics(keptTopics(given)), keptTopics(given))))
  })

  test('has no more of a p2p topic than is shown of it', () => {
    const around = fc.tuple(fc.string({ maxLength: 30 }), p2pTopic, fc.string({ maxLength: 30 }))
    fc.assert(
      fc.property(around, ([before, secret, after]) => {
        for (const kept of keptTopics([before + secret + after])) assert.ok(!kept.includes(secret.slice(0, 7)))
      }),
    )
  })
})
