import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { HistoryError } from '../../src/history/history-error.ts'
import { linesIn } from '../../src/history/subscriptions/journal-file.ts'
import { putLine } from '../../src/history/subscriptions/journal-lines.ts'
import {
  type JournalOptions,
  openSubscriptions,
  type SubscriptionJournal,
} from '../../src/history/subscriptions/subscriptions.ts'
import { keptTopics } from '../../src/protocol/topics.ts'
import {
  apply,
  type Changeable,
  changes,
  inDirectory,
  Model,
  recordedEvents,
  subscription,
  topicOf,
} from './subscription-arbitraries.ts'

const byTopic = (journal: SubscriptionJournal) => new Map(journal.all().map(record => [record.topic, record]))
const journalIn = (directory: string) => join(directory, 'subscriptions.journal')

/** What a broker that starts in this directory now would know. */
async function reopened(directory: string) {
  const events = recordedEvents()
  const journal = await openSubscriptions(directory, events)
  const records = byTopic(journal)
  await journal.close()
  return { records, told: events.told }
}

function line(value: unknown): string {
  const json = JSON.stringify(value)
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`
}

/** Makes changes, each written before the next is made, so that each has its line; leaves the file as a SIGKILL would. */
async function writeChanges(directory: string, made: Parameters<typeof apply>[0][], to: Changeable) {
  const journal = await openSubscriptions(directory, recordedEvents())
  await journal.written()
  const sizes = [statSync(journalIn(directory)).size]
  for (const change of made) {
    apply(change, journal, to)
    await journal.written()
    sizes.push(statSync(journalIn(directory)).size)
  }
  const bytes = readFileSync(journalIn(directory))
  await journal.close()
  return { bytes, sizes }
}

/** Topics that match something, or nearly. */
const stixTopics = fc
  .constantFrom('stix2/indicator', 'stix2/sighting')
  .chain(topic => fc.nat(topic.length).map(length => topic.slice(0, length)))

describe('the journal of subscriptions', () => {
  const step = fc.oneof(
    { weight: 12, arbitrary: changes },
    { weight: 2, arbitrary: fc.constant('write' as const) },
    { weight: 1, arbitrary: fc.constant('reopen' as const) },
    { weight: 1, arbitrary: fc.constant('die' as const) },
  )

  for (const [how, options] of Object.entries({
    'as it is': {},
    'rewritten at every opportunity': { compactAbove: 0 },
  } satisfies Record<string, JournalOptions>)) {
    test(`is a map that outlives its process, ${how}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 60 }), steps =>
          inDirectory(async directory => {
            const events = recordedEvents()
            let journal = await openSubscriptions(directory, events, options)
            const left = [journal]
            const model = new Model()
            for (const each of steps) {
              if (each === 'write') await journal.written()
              else if (each === 'reopen') {
                await journal.close()
                journal = await openSubscriptions(directory, events, options)
                left.push(journal)
              } else if (each === 'die') {
                // Nothing that the dead one would do on its way out: it is left as it is, with nothing to write.
                await journal.written()
                journal = await openSubscriptions(directory, events, options)
                left.push(journal)
              } else apply(each, journal, model)
              assert.deepEqual(byTopic(journal), model.records)
              assert.equal(journal.size, model.records.size)
            }
            await journal.synced()
            assert.deepEqual((await reopened(directory)).records, model.records)
            for (const each of left) await each.close()
            assert.deepEqual(events.told, [])
          }),
        ),
        { numRuns: 60 },
      )
    })
  }

  test('cut off anywhere has lost the changes after that place, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(changes, { minLength: 1, maxLength: 12 }), fc.nat(), (made, place) =>
        inDirectory(async directory => {
          const { bytes, sizes } = await writeChanges(directory, made, new Model())
          const header = bytes.indexOf(10) + 1
          const cut = header + (place % (bytes.length - header + 1))
          writeFileSync(journalIn(directory), bytes.subarray(0, cut))
          const expected = new Model()
          const survivors = sizes.filter(size => size <= cut).length - 1
          for (const change of made.slice(0, survivors)) apply(change, expected)
          const { records, told } = await reopened(directory)
          assert.deepEqual(records, expected.records)
          assert.deepEqual(told, [])
        }),
      ),
      { numRuns: 100 },
    )
  })

  test('with any byte changed knows no state that never was, tells of it, and has everything else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(changes, { minLength: 1, maxLength: 20 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (made, place, difference) =>
          inDirectory(async directory => {
            const model = new Model()
            const { bytes } = await writeChanges(directory, made, model)
            const at = place % bytes.length
            const hit = new Set<string | undefined>()
            for (const touched of linesAround(bytes, at)) for (const topic of topicsIn(bytes, touched)) hit.add(topic)
            bytes[at] = (bytes[at] ?? 0) ^ difference
            writeFileSync(journalIn(directory), bytes)
            const { records, told } = await reopened(directory)
            for (const record of records.values()) assert.ok(model.everHad(record))
            for (const [topic, record] of model.records)
              if (!hit.has(topic)) assert.deepEqual(records.get(topic), record)
            for (const topic of records.keys()) assert.ok(hit.has(topic) || model.records.has(topic))
            // The end of the last line, once changed, leaves a line that looks as if it was being written.
            if (bytes.at(-1) === 10 || at < bytes.lastIndexOf(10)) assert.equal(told.length, 1)
          }),
      ),
      { numRuns: 200 },
    )
  })

  test('tells the numbers of the lines that it skips: damaged ones, and records that do not fit', async () => {
    await inDirectory(async directory => {
      const record = subscription(1)
      const bad = [
        { ...record, topic: '' },
        { ...record, position: -1 },
        { ...record, frames: 0.5 },
        { ...record, exchanges: [1] },
        { ...record, confirms: undefined },
        { ...record, snapshot: { from: 0 } },
      ]
      const header = line({ format: 'threatbus subscriptions', version: 1 })
      const lines = [header, ...bad.map((put, id) => line({ id: id + 10, put })), line({ id: 1, put: record })]
      lines.push('rubbish\n', line([1, 7, 5]), line([99, 8, 8]), line([1, -1, 0]), line(null), line('x'), '\n')
      writeFileSync(journalIn(directory), lines.join(''))
      const { records, told } = await reopened(directory)
      assert.deepEqual([...records.values()], [{ ...record, position: 7, frames: 5 }])
      assert.deepEqual(told, ['skipped 2,3,4,5,6,7,9,11,12,13,14,15'])
      assert.deepEqual((await reopened(directory)).told, [], 'what was skipped is not there any more')
    })
  })

  test('of an earlier version, which kept topics whole, is read, and is small from then on', async () => {
    await inDirectory(async directory => {
      const long = 'x'.repeat(1_000_000)
      const others = Array.from({ length: 60 }, (_, number) => `${number} ${long}`)
      const record = { ...subscription(1), topics: ['stix2/sighting', ...others, 'stix2/indicator', long] }
      const header = line({ format: 'threatbus subscriptions', version: 1 })
      writeFileSync(journalIn(directory), header + line({ id: 1, put: record }) + line([1, 7, 5]))
      const { records, told } = await reopened(directory)
      const topics = ['stix2/sighting', ...[0, 1, 2, 3].map(number => `${number} xxxxxx…`), 'stix2/indicator', '…']
      assert.deepEqual([...records.values()], [{ ...record, topics, position: 7, frames: 5 }])
      assert.deepEqual(told, [])
      assert.ok(statSync(journalIn(directory)).size < 1000)
      assert.deepEqual((await reopened(directory)).records, records)
    })
  })

  test('made by a newer version is left alone', async () => {
    await inDirectory(async directory => {
      const text = line({ format: 'threatbus subscriptions', version: 2 }) + line({ anything: true })
      writeFileSync(journalIn(directory), text)
      await assert.rejects(openSubscriptions(directory, recordedEvents()), (error: Error) => {
        assert.ok(error instanceof HistoryError)
        assert.match(error.message, /subscriptions\.journal was made by a newer version .* move the directory away/)
        return true
      })
      assert.equal(readFileSync(journalIn(directory), 'utf8'), text)
    })
  })

  test('is for its owner only, whatever was there before', async () => {
    await inDirectory(async directory => {
      writeFileSync(journalIn(directory), '', { mode: 0o644 })
      writeFileSync(`${journalIn(directory)}.new`, 'a leftover', { mode: 0o666 })
      const journal = await openSubscriptions(directory, recordedEvents())
      await journal.written()
      assert.equal(statSync(journalIn(directory)).mode & 0o777, 0o600)
      assert.deepEqual(readdirSync(directory), ['subscriptions.journal'])
      await journal.close()
    })
  })

  test('does not grow without end when positions move', async () => {
    await inDirectory(async directory => {
      const journal = await openSubscriptions(directory, recordedEvents(), { compactAbove: 20_000 })
      for (let number = 0; number < 10; number++) journal.put(subscription(number))
      let largest = 0
      for (let position = 1; position <= 1000; position++) {
        for (let number = 0; number < 10; number++) journal.move(topicOf(number), position, position)
        await journal.written()
        largest = Math.max(largest, statSync(journalIn(directory)).size)
      }
      await journal.close()
      assert.ok(largest < 21_000, `${largest} bytes`)
      const { records } = await reopened(directory)
      assert.deepEqual(
        [...records.values()].map(({ position }) => position),
        Array(10).fill(1000),
      )
    })
  })

  test('does not grow without end when subscriptions come and go', async () => {
    await inDirectory(async directory => {
      const journal = await openSubscriptions(directory, recordedEvents(), { compactAbove: 20_000 })
      let largest = 0
      for (let number = 0; number < 5000; number++) {
        journal.put(subscription(number))
        journal.remove(topicOf(number - 10))
        if (number % 10 > 0) continue
        await journal.written()
        largest = Math.max(largest, statSync(journalIn(directory)).size)
      }
      await journal.close()
      assert.ok(largest < 25_000, `${largest} bytes`)
      assert.equal((await reopened(directory)).records.size, 10)
    })
  })

  test('loses no change that is made while it is rewritten', async () => {
    await inDirectory(async directory => {
      const model = new Model()
      const first = await openSubscriptions(directory, recordedEvents())
      for (let number = 0; number < 3000; number++) apply({ put: subscription(number) }, first, model)
      await first.close()
      const journal = await openSubscriptions(directory, recordedEvents())
      // While the rewrite has its turns, so have these.
      for (let number = 0; number < 3000; number += 7) {
        apply({ move: topicOf(number), position: number, frames: 1 }, journal, model)
        apply({ remove: topicOf(3000 - number) }, journal, model)
        apply({ put: subscription(3000 + number, 5) }, journal, model)
        await new Promise(setImmediate)
      }
      await journal.written()
      assert.deepEqual((await reopened(directory)).records, model.records)
      await journal.close()
    })
  })

  test('does not grow without end when subscriptions come and go, and keeps no trace of those it never wrote', async () => {
    await inDirectory(async directory => {
      const journal = await openSubscriptions(directory, recordedEvents(), { compactAbove: 20_000 })
      let largest = 0
      for (let number = 0; number < 3000; number++) {
        journal.put(subscription(number))
        // Half of them are written meanwhile.
        if (number % 2 === 0) await journal.written()
        journal.remove(topicOf(number))
        largest = Math.max(largest, journal.bytes)
      }
      await journal.written()
      assert.ok(largest < 21_000, `${largest} bytes`)
      assert.equal(journal.bytes, statSync(journalIn(directory)).size)
      const before = journal.bytes
      for (let number = 0; number < 3000; number++) {
        journal.put(subscription(number))
        journal.remove(topicOf(number))
      }
      await journal.written()
      assert.equal(journal.bytes, before)
      await journal.close()
    })
  })

  test('has few bytes of a subscription, however long its topics are', () => {
    const topics = fc.array(fc.oneof(fc.string({ unit: 'binary', size: 'max', maxLength: 5000 }), stixTopics))
    fc.assert(
      fc.property(topics, topics => {
        const bytes = Buffer.byteLength(putLine(1e15, { ...subscription(1, 1e15), topics: keptTopics(topics) }))
        assert.ok(bytes < 2048, `${bytes} bytes`)
      }),
      { numRuns: 200 },
    )
  })

  test('is read in pieces: its lines are what lies between their ends, and one that is too long is none', async () => {
    await inDirectory(async directory => {
      const path = join(directory, 'lines')
      const mebibyte = 1_048_576
      // Around the ends of pieces.
      const length = fc.oneof(
        fc.nat(50),
        fc.integer({ min: mebibyte - 60, max: mebibyte + 60 }),
        fc.constant(3 * mebibyte),
      )
      await fc.assert(
        fc.asyncProperty(fc.array(length, { maxLength: 6 }), fc.nat(20), async (lengths, unended) => {
          const lines = lengths.map((length, index) => Buffer.alloc(length, 97 + index))
          const ended = lines.flatMap(bytes => [bytes, Buffer.from('\n')])
          writeFileSync(path, Buffer.concat([...ended, Buffer.alloc(unended, 122)]))
          let index = 0
          for await (const read of linesIn(path, 2 * mebibyte)) {
            const expected = lines[index++]
            if ((expected?.length ?? 0) > 2 * mebibyte) assert.equal(read, undefined)
            else assert.ok(read !== undefined && expected?.equals(read))
          }
          assert.equal(index, lines.length)
        }),
        { numRuns: 40 },
      )
    })
  })

  test('writes what waits when it is closed; afterwards nothing', async () => {
    await inDirectory(async directory => {
      const journal = await openSubscriptions(directory, recordedEvents())
      journal.put(subscription(1))
      const written = journal.written()
      await Promise.all([journal.close(), journal.close()])
      await written
      journal.put(subscription(2))
      await assert.rejects(journal.written(), /closed before this was written/)
      assert.deepEqual([...(await reopened(directory)).records.keys()], [topicOf(1)])
    })
  })

  test('opens with 10,000 subscriptions', async () => {
    await inDirectory(async directory => {
      const first = await openSubscriptions(directory, recordedEvents())
      for (let number = 0; number < 10_000; number++) first.put(subscription(number))
      await first.close()
      const journal = await openSubscriptions(directory, recordedEvents())
      assert.equal(journal.size, 10_000)
      await journal.close()
    })
  })
})

/** Where the lines begin that a change of the byte at this place can damage: its own, and the next if it ends one. */
function linesAround(bytes: Buffer, at: number): number[] {
  const start = at === 0 ? 0 : bytes.lastIndexOf(10, at - 1) + 1
  return bytes[at] === 10 ? [start, at + 1] : [start]
}

/** The topic that a line is about, if any: found by the id for those that have no topic. */
function topicsIn(bytes: Buffer, start: number): (string | undefined)[] {
  const end = bytes.indexOf(10, start)
  if (end < 0) return []
  const value: unknown = JSON.parse(bytes.toString('utf8', start + 9, end))
  const text = JSON.stringify(value)
  if (!Array.isArray(value)) return [/[a-z]{32}/.exec(text)?.[0]]
  const put = new RegExp(`\\{"id":${value[0]},"put":\\{"topic":"([a-z]{32})"`).exec(bytes.toString('utf8'))
  return [put?.[1]]
}
