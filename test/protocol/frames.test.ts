import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decodeFrame } from '../../src/protocol/frames.ts'
import { messageOf } from '../../src/protocol/message.ts'
import { snapshotRequest } from '../../src/protocol/snapshots.ts'
import { indicator, sighting } from '../system/wire.ts'

const decode = (...parts: (string | Buffer)[]) =>
  decodeFrame(
    parts.map(part => Buffer.from(part)),
    { validation: 'lenient', maxValues: 65_536 },
  )

/** The reason why a frame was refused, or what became of it. */
const outcome = (...parts: (string | Buffer)[]) => {
  const decoded = decode(...parts)
  if ('refused' in decoded) return decoded.refused
  return 'snapshotId' in decoded ? 'enveloped' : 'accepted'
}

const body = fc.oneof(
  fc.dictionary(fc.stringMatching(/^x_[a-z]{1,8}$/), fc.jsonValue()).map(custom => indicator(custom)),
  fc.dictionary(fc.stringMatching(/^x_[a-z]{1,8}$/), fc.jsonValue()).map(custom => sighting(custom)),
)
const blanks = fc.stringMatching(/^[ \t\r\n]{0,5}$/)

describe('a frame on sub', () => {
  test('is decoded or refused, whatever its bytes are', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), raw => {
        assert.notEqual(outcome(...raw.map(Buffer.from)), 'accepted')
      }),
    )
    fc.assert(
      fc.property(fc.constantFrom('stix2/x', 'threatbus/snapshotenvelope'), fc.json(), (topic, json) => {
        assert.notEqual(outcome(`${topic} ${json}`), 'accepted')
      }),
    )
  })

  test('that lacks nothing keeps its bytes, blanks and all, under the type of its body', () => {
    fc.assert(
      fc.property(body, blanks, blanks, fc.stringMatching(/^[a-z]{0,9}$/), (text, before, after, rest) => {
        const spaced = before + text + after
        const decoded = decode(`stix2/${rest} ${spaced}`)
        assert.ok('frame' in decoded)
        assert.equal(String(decoded.frame), `${JSON.parse(text).type} ${spaced}`)
      }),
    )
  })

  test('that lacks an id or a time gets them, and keeps the rest of its bytes', () => {
    const { id, created, ...rest } = JSON.parse(indicator())
    const text = JSON.stringify(rest)
    const decoded = decode(`stix2/indicator ${text}`)
    assert.ok('frame' in decoded)
    const completed = String(decoded.frame).slice('indicator '.length)
    assert.ok(completed.startsWith(text.slice(0, -1)))
    assert.match(JSON.parse(completed).id, /^indicator--/)
    assert.ok(id && created)
  })

  test('is a version of an object also if its time has endless digits, of which the last are forgotten', () => {
    const modified = `2026-11-24T06:00:00.${'1'.repeat(1000)}Z`
    const decoded = decodeFrame([Buffer.from(`stix2/indicator ${indicator({ modified })}`)], {
      validation: 'lenient',
      maxValues: 65_536,
    })
    assert.ok('frame' in decoded)
    assert.equal(decoded.object?.modified, `2026-11-24T06:00:00.${'1'.repeat(43)}Z`)
    assert.ok(decoded.frame.includes(modified))
  })

  test('with an envelope gives the body, byte for byte, to the snapshot it names', () => {
    fc.assert(
      fc.property(body, fc.uuid(), fc.constantFrom(1, 2, '1', ' 2 '), blanks, (text, snapshotId, type, space) => {
        const envelope = `{"type":"snapshotenvelope",${space}"snapshot_type":${JSON.stringify(type)},"snapshot_id":"${snapshotId}","body"${space}:${space}${text}${space}}`
        const decoded = decode(`threatbus/snapshotenvelope ${envelope}`)
        assert.ok('snapshotId' in decoded)
        const { type: messageType, id, modified } = JSON.parse(text)
        assert.equal(decoded.snapshotId, snapshotId)
        const object = { id, modified, removed: false }
        assert.deepEqual(decoded.message, messageOf(messageType, text, { object }))
      }),
    )
  })

  test('is no version of an object, if it has an endless id or time that nobody checks', () => {
    const versionOf = (over: object) => {
      const decoded = decodeFrame([Buffer.from(`stix2/indicator ${indicator(over)}`)], {
        validation: 'off',
        maxValues: 65_536,
      })
      return 'frame' in decoded ? decoded.object : decoded
    }
    const [modified, id] = ['2026-11-24T06:00:00.000Z', 'x'.repeat(1000)]
    assert.deepEqual(versionOf({ id, modified }), { id, modified, removed: false })
    assert.deepEqual(versionOf({ id: `${id}${id}`, modified }), { id: '', modified, removed: false })
    assert.deepEqual(versionOf({ id, modified: id }), { id, modified: '', removed: false })
  })

  test('of STIX 2.0 is upgraded if it is to be, in an envelope too, and refused with the reason why else', () => {
    let upgraded = 0
    const rules = { validation: 'strict', maxValues: 65_536, upgraded: () => void upgraded++ } as const
    const ofStix20 = { spec_version: undefined, pattern_type: undefined, pattern_version: undefined }
    const read = (text: string, stix20: 'refuse' | 'upgrade') => {
      const decoded = decodeFrame([Buffer.from(text)], { ...rules, stix20 })
      if ('refused' in decoded) return `${decoded.refused}: ${decoded.detail}`
      return String(('snapshotId' in decoded ? decoded.message : decoded).frame)
    }
    const wrap = (body: string) =>
      `threatbus/snapshotenvelope {"type":"snapshotenvelope","snapshot_type":1,"snapshot_id":"id","body":${body}}`
    const bodies = [indicator(ofStix20), sighting({ spec_version: '2.0' })]
    for (const text of bodies.flatMap(body => [`stix2/x ${body}`, wrap(body)])) {
      assert.match(
        read(text, 'refuse'),
        /^unsupported_spec_version: spec_version .+ it is STIX 2.0: .+`stix20: upgrade`.+--upgrade/,
      )
      assert.match(read(text, 'upgrade'), /^(indicator|sighting) \{.*"spec_version":"2.1"/)
    }
    assert.equal(upgraded, 4)
    // What is wrong with it is told as ever, and of what is not STIX 2.0 nothing is made.
    const wrong = indicator({ ...ofStix20, pattern: '[a:b = 1' })
    assert.match(
      read(`stix2/x ${wrong}`, 'upgrade'),
      /^invalid_pattern: upgraded from STIX 2.0: pattern, line 1, column 9/,
    )
    assert.match(read(`stix2/x ${indicator({ spec_version: '2.2' })}`, 'upgrade'), /^unsupported_spec_version: spec_v/)
    assert.equal(read(`stix2/indicator ${indicator()}`, 'upgrade').length, `indicator ${indicator()}`.length)
    assert.equal(upgraded, 4)
  })

  test('is refused for a reason with a name', () => {
    const envelope = (over: object) =>
      JSON.stringify({ type: 'snapshotenvelope', snapshot_type: 1, snapshot_id: 'id', body: {}, ...over })
    const table: [string, (string | Buffer)[]][] = [
      ['multipart', [`stix2/indicator ${indicator()}`, '']],
      ['no_separator', ['stix2/indicator']],
      ['unknown_topic', [`stix2 ${indicator()}`]],
      ['unknown_topic', [`threatbus/snapshotenvelopes ${envelope({})}`]],
      ['invalid_utf8', [Buffer.from([0x73, 0x74, 0x69, 0x78, 0x32, 0x2f, 0x20, 0xff])]],
      ['not_json', ['stix2/indicator ']],
      ['not_json', [`stix2/indicator \ufeff${indicator()}`]],
      ['not_json', [`stix2/indicator ${indicator()}${indicator()}`]],
      ['not_an_object', ['stix2/indicator [1]']],
      ['unsupported_type', ['stix2/bundle {"type":"bundle","objects":[]}']],
      ['unsupported_spec_version', [`stix2/indicator ${indicator({ spec_version: '2.0' })}`]],
      ['missing_property', [`stix2/indicator ${indicator({ pattern: undefined })}`]],
      ['invalid_property', [`stix2/indicator ${indicator({ created: 'yesterday' })}`]],
      ['invalid_pattern', [`stix2/indicator ${indicator({ pattern: "[a:b = 'c'" })}`]],
      [
        'nested_too_deep',
        [
          `stix2/indicator ${indicator({ x_deep: 0 }).replace('"x_deep":0', `"x_deep":${'['.repeat(300)}${']'.repeat(300)}`)}`,
        ],
      ],
      ['nested_too_deep', [`stix2/indicator ${'['.repeat(100_000)}`]],
      ['too_many_values', [`stix2/indicator ${indicator({ x_list: Array(65_536).fill(0) })}`]],
      ['too_many_values', [`threatbus/snapshotenvelope ${envelope({ body: { x_list: Array(65_536).fill([]) } })}`]],
      ['malformed_envelope', [`threatbus/snapshotenvelope ${envelope({ snapshot_id: ['id'] })}`]],
      ['malformed_envelope', [`threatbus/snapshotenvelope ${envelope({ snapshot_type: 3 })}`]],
      ['malformed_envelope', [`threatbus/snapshotenvelope ${envelope({ snapshot_type: '' })}`]],
      ['malformed_envelope', [`threatbus/snapshotenvelope ${envelope({ body: [] })}`]],
      ['malformed_envelope', [`threatbus/snapshotenvelope ${envelope({ type: 'indicator' })}`]],
      ['unsupported_type', [`threatbus/snapshotenvelope ${envelope({ body: { type: 'malware' } })}`]],
    ]
    for (const [reason, parts] of table) assert.equal(outcome(...parts), reason, String(parts).slice(0, 80))
  })
})

describe('a snapshot request', () => {
  test('says how far back in seconds, and which type by number', () => {
    assert.equal(
      String(snapshotRequest('id', 'sighting', 5, 'p2p').frame),
      'snapshotrequest {"type":"snapshotrequest","snapshot_type":2,"snapshot_id":"id","snapshot":432000}',
    )
  })
})
