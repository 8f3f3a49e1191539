import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import { LargeMessages, type LargeMessagesSettings } from '../../src/checking/large-messages.ts'
import { decodeFrame } from '../../src/protocol/frames.ts'
import { decodeRequest, type RequestLimit, type RequestLimits } from '../../src/protocol/management.ts'
import { validObjects } from '../protocol/stix-arbitraries.ts'
import { indicator } from '../system/wire.ts'

const limits: RequestLimits = {
  validation: 'strict',
  stix20: 'upgrade',
  maxValues: 65_536,
  maxTopics: 3,
  maxMessages: 4,
}

function open(t: Pick<TestContext, 'after'>, over: Partial<LargeMessagesSettings> = {}) {
  const reached: RequestLimit[] = []
  const bounds = { maxMessageBytes: 16_777_216, maxUncheckedBytes: 67_108_864 }
  const settings = { limits, ...bounds, ready: async () => {}, ...over }
  const told = { upgraded: 0 }
  const large = new LargeMessages(
    settings,
    limit => reached.push(limit),
    () => void told.upgraded++,
  )
  t.after(() => large.close())
  return { large, reached, told }
}

/** A request to publish, and all else that the bytes may be: torn, wrong, or nothing of the kind. */
const bytes = (text: fc.Arbitrary<string>) =>
  fc
    .tuple(
      text,
      fc.oneof(
        { weight: 4, arbitrary: fc.constant(1) },
        { weight: 1, arbitrary: fc.double({ min: 0, max: 1, noNaN: true }) },
      ),
    )
    .map(([whole, part]) => whole.slice(0, Math.ceil(whole.length * part)))
const object = fc.oneof(
  validObjects.map(each => JSON.stringify(each)),
  validObjects.map(({ created: _, ...each }) => JSON.stringify(each)),
  validObjects.map(({ pattern_type, pattern_version, indicator_types, ...each }) =>
    JSON.stringify({ ...each, spec_version: '2.0' }),
  ),
  fc.json(),
  fc.constantFrom(
    `{"type":"indicator","x_list":[${'{},'.repeat(70_000)}0]}`,
    '['.repeat(5000),
    `"${'x'.repeat(5000)}"`,
  ),
)
const envelope = object.map(body => `{"type":"snapshotenvelope","snapshot_type":1,"snapshot_id":"id","body":${body}}`)
const frames = fc.oneof(
  object.map(body => `stix2/indicator ${body}`),
  envelope.map(body => `threatbus/snapshotenvelope ${body}`),
)
const requests = fc.oneof(
  fc.array(object, { maxLength: 6 }).map(list => `{"action":"publish","topic":"stix2/","message":[${list.join()}]}`),
  fc.constantFrom(
    '{"action":"subscribe","topic":["stix2","a","b"],"snapshot":2}',
    '{"action":"subscribe","topic":["stix2","a","b","c"]}',
    '{"action":"heartbeat","topic":"abc"}',
  ),
  fc.json(),
)

describe('the thread that checks', () => {
  test('says of anything what is said without it', async t => {
    const { large, reached, told } = open(t)
    await fc.assert(
      fc.asyncProperty(bytes(frames), bytes(requests), fc.uint8Array(), async (frame, request, raw) => {
        for (const text of [frame, raw]) {
          let upgraded = told.upgraded
          const rules = { ...limits, upgraded: () => void upgraded++ }
          const decoded = decodeFrame([Buffer.from(text as string)], rules)
          assert.deepEqual(await large.frame(Buffer.from(text as string), 'a'), decoded)
          assert.equal(told.upgraded, upgraded)
        }
        for (const text of [request, raw]) {
          const expected: RequestLimit[] = []
          const rules = { ...limits, reached: (limit: RequestLimit) => void expected.push(limit) }
          const decoded = decodeRequest([Buffer.from(text as string)], rules)
          assert.deepEqual(await large.request(Buffer.from(text as string), 'a'), decoded)
          assert.deepEqual(reached.splice(0), expected)
        }
      }),
    )
    assert.equal(large.uncheckedBytes, 0)
  })

  test('fills in what is missing', async t => {
    const { large } = open(t, { limits: { ...limits, validation: 'lenient' } })
    const decoded = await large.frame(Buffer.from(`stix2/indicator ${indicator({ id: undefined })}`), 'a')
    assert.ok('frame' in decoded && decoded.object)
    assert.equal(JSON.parse(String(decoded.frame.subarray('indicator '.length))).id, decoded.object.id)
  })

  test('that ends costs what it was asked, and what comes next is checked by another one', async t => {
    const { large } = open(t)
    const message = () => Buffer.from(`stix2/indicator ${indicator()}`)
    const long = indicator({ pattern: `[a:b = 1]${' OR [a:b = 1]'.repeat(300_000)}` })
    const lost = [
      large.frame(Buffer.from(`stix2/indicator ${long}`), 'a'),
      large.frame(message(), 'a'),
      large.request(message(), 'b'),
    ] as const
    // The first is being checked.
    await nextTurn()
    await large.close()
    const [first, second, reply] = await Promise.all(lost)
    for (const answer of [first, second]) assert.equal('refused' in answer && answer.refused, 'check_failed')
    assert.deepEqual(reply, { status: 'error', reason: 'the check failed' })
    assert.equal(large.uncheckedBytes, 0)
    assert.ok('frame' in (await large.frame(message(), 'a')))
  })
})

describe('messages that wait to be checked', () => {
  test('go in turns of their addresses, in the order in which they came from each', async t => {
    const { large } = open(t)
    const order: string[] = []
    const check = (address: string) => large.frame(Buffer.from('stix2/x {}'), address).then(() => order.push(address))
    await Promise.all(['a', 'a', 'a', 'b', 'c', 'b'].map(check))
    assert.equal(order.join(''), 'aabcab')
  })

  test('wait until the disk is ready for them', async t => {
    let isReady = () => {}
    const ready = new Promise<void>(resolve => {
      isReady = resolve
    })
    const { large } = open(t, { ready: () => ready })
    const bytes = Buffer.from(`stix2/indicator ${indicator({ description: 'x'.repeat(100_000) })}`)
    let isChecked = false
    const checked = large.frame(bytes, 'a').then(() => {
      isChecked = true
    })
    for (let turn = 0; turn < 10; turn++) await nextTurn()
    assert.equal(isChecked, false)
    isReady()
    await checked
  })

  test('are bounded: beyond, whoever has most of them waiting loses what came last from there', async t => {
    const { large } = open(t, { maxUncheckedBytes: 1000 })
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ address: fc.constantFrom('a', 'b', 'c'), size: fc.integer({ min: 20, max: 100 }) }), {
          maxLength: 60,
        }),
        async messages => {
          const before = large.crowdedOut
          const answers = messages.map(async ({ address, size }) => {
            const answer = await large.frame(Buffer.from('stix2/x '.padEnd(size, 'x')), address)
            return { address, size, isChecked: 'refused' in answer && answer.refused !== 'crowded_out' }
          })
          assert.ok(large.uncheckedBytes <= 1000)
          const answered = await Promise.all(answers)
          assert.equal(large.crowdedOut - before, answered.filter(({ isChecked }) => !isChecked).length)
          assert.equal(large.uncheckedBytes, 0)
          // More than 900 bytes wait when one is lost, of three addresses: the one with most of them has 300.
          for (const address of ['a', 'b', 'c']) {
            const own = answered.filter(each => each.address === address)
            const all = own.reduce((sum, { size }) => sum + size, 0)
            if (all < 300) assert.ok(own.every(({ isChecked }) => isChecked))
          }
        },
      ),
    )
  })
})
