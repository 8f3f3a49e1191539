import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { drawP2pTopic, interestOf, shortened, snapshotTypesOf } from '../../src/protocol/topics.ts'

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
