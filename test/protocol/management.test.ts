import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeRequest, splitRoute, subscribeReply } from '../../src/protocol/management.ts'
import { indicator } from '../system/wire.ts'

const limits = { maxTopics: 3, maxMessages: 4, validation: 'lenient', maxValues: 65_536 } as const

const decode = (...parts: (string | Buffer)[]) =>
  decodeRequest(
    parts.map(part => Buffer.from(part)),
    limits,
  )
const decodeJson = (request: unknown) => decode(JSON.stringify(request))
const statusOf = (decoded: ReturnType<typeof decode>) => ('status' in decoded ? decoded.status : 'carried out')
const subscribe = (over: object) => ({ action: 'subscribe', topic: 'stix2/indicator', ...over })

describe('a management request', () => {
  test('is answered or carried out, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), parts => {
        const decoded = decodeRequest(parts.map(Buffer.from), limits)
        assert.ok('action' in decoded || (decoded.status === 'error' && decoded.reason.length > 0))
      }),
    )
    fc.assert(
      fc.property(fc.json(), json => {
        assert.ok(['carried out', 'error', 'unknown request'].includes(statusOf(decode(json))))
      }),
    )
  })

  test('to subscribe takes a topic, a list of topics and any prefix', () => {
    for (const topic of ['stix2/indicator', 'stix2', 's', 'no/such/topic']) {
      assert.deepEqual(decodeJson(subscribe({ topic })), {
        action: 'subscribe',
        topics: [topic],
        snapshotDays: 0,
        confirms: false,
      })
    }
    const topics = ['stix2/indicator', 'stix2/sighting']
    assert.deepEqual(decodeJson(subscribe({ topic: topics })), {
      action: 'subscribe',
      topics,
      snapshotDays: 0,
      confirms: false,
    })
  })

  test('to subscribe may want numbers, and to begin in the past: behind a number, or at a time', () => {
    const plain = { action: 'subscribe', topics: ['stix2/indicator'], snapshotDays: 0, confirms: false }
    assert.deepEqual(decodeJson(subscribe({ numbered: false })), plain)
    assert.deepEqual(decodeJson(subscribe({ numbered: true, since: 7 })), {
      ...plain,
      numbered: true,
      since: { sequence: 7 },
    })
    const since = { ms: Date.UTC(2024, 0, 26, 21, 28, 21, 13) }
    assert.deepEqual(decodeJson(subscribe({ since: '2024-01-26t21:28:21.013288z' })), { ...plain, since })
    for (const wrong of [-1, 1.5, '7', 'yesterday', '2024-01-26', null, [], true]) {
      assert.equal(statusOf(decodeJson(subscribe({ since: wrong }))), 'error', `${wrong}`)
    }
    for (const wrong of [1, 'true', null]) assert.equal(statusOf(decodeJson(subscribe({ numbered: wrong }))), 'error')
    assert.equal(statusOf(decodeJson(subscribe({ since: 7, snapshot: 1 }))), 'error')
  })

  test('to heartbeat or unsubscribe names a p2p topic', () => {
    for (const action of ['heartbeat', 'unsubscribe']) {
      const expected = action === 'heartbeat' ? { action, topic: 'abc', received: undefined } : { action, topic: 'abc' }
      assert.deepEqual(decodeJson({ action, topic: 'abc' }), expected)
      assert.equal(statusOf(decodeJson({ action, topic: ['abc'] })), 'error')
    }
  })

  test('has so many values at most, as each of its messages has, however many bytes it has', () => {
    const reached: string[] = []
    const told = { ...limits, maxMessages: 10, reached: (limit: string) => void reached.push(limit) }
    const reasonOf = (request: string) => {
      const decoded = decodeRequest([Buffer.from(request)], told)
      return 'reason' in decoded ? decoded.reason : statusOf(decoded)
    }
    const publish = (...messages: string[]) =>
      `{"action":"publish","topic":"stix2/indicator","message":[${messages.join()}]}`
    const filled = (values: number) => indicator({ x_list: Array(values).fill(0) })
    assert.equal(reasonOf(publish(...Array(9).fill(filled(65_000)))), 'carried out')
    assert.match(reasonOf(publish(indicator(), filled(65_537))), /^message 1 was refused \(too_many_values\)/)
    for (const request of [
      publish(...Array(10).fill(filled(65_536))),
      `{"action":"heartbeat","topic":"abc","other":${'['.repeat(3)}${'{},'.repeat(655_360)}0]]]}`,
      JSON.stringify(subscribe({ topic: Array(65_537).fill('t') })),
    ]) {
      assert.equal(reasonOf(request), 'the request has too many values')
    }
    assert.deepEqual(reached, Array(4).fill('max_message_values'))
  })

  test('says how many of its messages were STIX 2.0, if those are upgraded, and publishes all of them or none', () => {
    const ofStix20 = indicator({ spec_version: undefined, pattern_type: undefined, pattern_version: undefined })
    const publish = (stix20: 'refuse' | 'upgrade', ...messages: string[]) =>
      decodeRequest([Buffer.from(`{"action":"publish","topic":"stix2/","message":[${messages.join()}]}`)], {
        ...limits,
        stix20,
      })
    const published = publish('upgrade', indicator(), ofStix20, ofStix20)
    assert.ok('messages' in published)
    assert.deepEqual([published.messages.length, published.upgraded], [3, 2])
    const refused = publish('refuse', indicator(), ofStix20)
    assert.ok('index' in refused && refused.index === 1)
    assert.match(refused.reason, /^message 1 was refused \(unsupported_spec_version\): spec_version .+; it is STIX 2.0/)
  })

  test('without a usable topic is an unknown request', () => {
    assert.equal(statusOf(decodeJson({ action: 'subscribe' })), 'unknown request')
    for (const topic of ['', null, [], 0, false, {}]) {
      for (const action of ['subscribe', 'unsubscribe', 'heartbeat']) {
        assert.equal(statusOf(decodeJson({ action, topic })), 'unknown request', JSON.stringify({ action, topic }))
      }
    }
  })

  test('with an unknown or missing action is an unknown request', () => {
    for (const action of [undefined, null, '', 'Subscribe', 'republish', 5, ['subscribe']]) {
      assert.equal(statusOf(decodeJson({ action, topic: 'stix2/indicator' })), 'unknown request')
    }
  })

  test('with a topic that is no string or list of non-empty strings is an error', () => {
    for (const topic of [5, true, { a: 1 }, [''], ['stix2', ''], ['stix2', 5], [[]]]) {
      assert.equal(statusOf(decodeJson(subscribe({ topic }))), 'error', JSON.stringify(topic))
    }
  })

  test('with more topics than a subscription may have is an error', () => {
    assert.equal(statusOf(decodeJson(subscribe({ topic: ['a', 'b', 'c'] }))), 'carried out')
    assert.equal(statusOf(decodeJson(subscribe({ topic: ['a', 'b', 'c', 'd'] }))), 'error')
  })

  test('reads the days of a snapshot as the original does', () => {
    const read: [unknown, number][] = [
      [0, 0],
      [5, 5],
      ['5', 5],
      [' 5 ', 5],
      ['+5', 5],
      ['-0', 0],
      [5.9, 5],
      [-0.5, 0],
      [true, 1],
      [false, 0],
      [36_500, 36_500],
    ]
    for (const [snapshot, days] of read) {
      const decoded = decodeJson(subscribe({ snapshot }))
      assert.ok('action' in decoded && decoded.action === 'subscribe', JSON.stringify(snapshot))
      assert.ok(Object.is(decoded.snapshotDays, days), JSON.stringify(snapshot))
    }
  })

  test('with a bad snapshot is an error, whatever the action', () => {
    for (const snapshot of [null, '', 'abc', '5.7', '1e3', [], {}, -1, '-1', 36_501, '36501', '9'.repeat(400)]) {
      for (const action of ['subscribe', 'unsubscribe', 'heartbeat', 'nonsense']) {
        assert.equal(statusOf(decodeJson({ action, topic: 'stix2', snapshot })), 'error', JSON.stringify(snapshot))
      }
    }
    assert.equal(statusOf(decode('{"action":"subscribe","topic":"stix2","snapshot":1e999}')), 'error')
  })

  test('may have white space around and extra and duplicate keys, of which the last wins', () => {
    const decoded = decode(' \t\r\n{"action":"heartbeat","topic":"a","extra":[1],"topic":"b"}\n ')
    assert.deepEqual(decoded, { action: 'heartbeat', topic: 'b', received: undefined })
  })

  test('is an error if it is no JSON object, not UTF-8, begins with a byte order mark, is empty or multipart', () => {
    const request = JSON.stringify(subscribe({}))
    const bad = ['', ' ', '[]', '"subscribe"', 'null', '1', 'nonsense', `\ufeff${request}`, `${request}x`, 'NaN']
    for (const text of bad) assert.equal(statusOf(decode(text)), 'error', text)
    assert.equal(statusOf(decode(Buffer.from([0x7b, 0xff, 0x7d]))), 'error')
    assert.equal(statusOf(decode(request, request)), 'error')
    assert.equal(statusOf(decode()), 'error')
  })

  test('nested 100,000 deep is an error', () => {
    assert.equal(statusOf(decode(`{"action":${'['.repeat(100_000)}`)), 'error')
  })
})

describe('the route of a management request', () => {
  const frames = (...texts: string[]) => texts.map(text => Buffer.from(text))

  test('of a REQ socket is its empty frame', () => {
    assert.deepEqual(splitRoute(frames('', 'body')), { route: frames(''), parts: frames('body') })
    assert.deepEqual(splitRoute(frames('', 'a', 'b')).parts, frames('a', 'b'))
    assert.deepEqual(splitRoute(frames('', '')).parts, frames(''))
  })

  test('of a DEALER socket is what it puts before an empty frame, or nothing', () => {
    assert.deepEqual(splitRoute(frames('request', '', 'body')).route, frames('request', ''))
    assert.deepEqual(splitRoute(frames('body')), { route: [], parts: frames('body') })
  })

  test('and the parts are what was sent', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 3 })), raw => {
        const received = raw.map(Buffer.from)
        const { route, parts } = splitRoute(received)
        assert.deepEqual([...route, ...parts], received)
      }),
    )
  })
})

describe('the reply to a subscribe request', () => {
  const ports = { pub: 13371, sub: 13372 }

  test('names the ports as strings', () => {
    assert.deepEqual(subscribeReply('p2p', ports, { reply_ports: 'string' }), {
      topic: 'p2p',
      pub_port: '13371',
      sub_port: '13372',
      status: 'success',
    })
  })

  test('names them as numbers, and names endpoints, if the configuration says so', () => {
    assert.deepEqual(subscribeReply('p2p', ports, { reply_ports: 'number', advertise: 'broker.example' }), {
      topic: 'p2p',
      pub_port: 13371,
      sub_port: 13372,
      pub_endpoint: 'broker.example:13371',
      sub_endpoint: 'broker.example:13372',
      status: 'success',
    })
  })
})
