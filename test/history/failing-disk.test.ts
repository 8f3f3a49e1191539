import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import fc from 'fast-check'
import { HistoryError } from '../../src/history/history-error.ts'
import {
  type JournalEvents,
  openSubscriptions,
  type SubscriptionJournal,
} from '../../src/history/subscriptions/subscriptions.ts'
import { runLimited } from './limited.ts'
import { apply, changes, inDirectory, Model, recordedEvents, subscription } from './subscription-arbitraries.ts'

const byTopic = (journal: SubscriptionJournal) => new Map(journal.all().map(record => [record.topic, record]))

/** A disk that is full whenever it is told so: it then takes a half of what it is given, and syncs none of it. */
function openDisk() {
  const disk = {
    full: false,
    failures: 0,
    open: async (path: string, flags: string, mode?: number): Promise<FileHandle> => {
      const handle = await open(path, flags, mode)
      const append = handle.appendFile.bind(handle)
      handle.appendFile = async data => {
        if (!disk.full) return append(data)
        disk.failures++
        if (Buffer.isBuffer(data)) await append(data.subarray(0, data.length / 2))
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
      }
      const datasync = handle.datasync.bind(handle)
      handle.datasync = async () => {
        // Others write meanwhile.
        await datasync()
        if (disk.full) throw Object.assign(new Error('ENOSPC: no space left on device, sync'), { code: 'ENOSPC' })
      }
      return handle
    },
  }
  return disk
}

/** Events, and the next of them to be waited for. */
function watchedEvents() {
  const { told, ...events } = recordedEvents()
  let tell = () => {}
  const watched: JournalEvents = {
    ...events,
    onFailing: error => {
      events.onFailing(error)
      tell()
    },
    onRecovered: () => {
      events.onRecovered()
      tell()
    },
  }
  const next = () => new Promise<void>(resolve => (tell = resolve))
  return { ...watched, told, next }
}

describe('on a disk that fails, the journal of subscriptions', () => {
  // The timer that tries again keeps no process alive.
  const alive = setInterval(() => {}, 1000)
  after(() => clearInterval(alive))

  test('keeps all in memory, and writes all of it when the disk works again', async () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: changes },
      { weight: 1, arbitrary: fc.constant('fill' as const) },
      { weight: 1, arbitrary: fc.constant('free' as const) },
      { weight: 2, arbitrary: fc.constant('write' as const) },
      { weight: 2, arbitrary: fc.constant('sync' as const) },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), steps =>
        inDirectory(async directory => {
          const disk = openDisk()
          const events = watchedEvents()
          const journal = await openSubscriptions(directory, events, { retryMs: 1, openFile: disk.open })
          const model = new Model()
          for (const each of steps) {
            if (each === 'fill') disk.full = true
            else if (each === 'free') disk.full = false
            else if (each === 'write') await journal.written().catch(error => assert.ok(error instanceof HistoryError))
            else if (each === 'sync') journal.synced().catch(error => assert.ok(error instanceof HistoryError))
            else apply(each, journal, model)
            assert.deepEqual(byTopic(journal), model.records)
          }
          disk.full = false
          let synced = false
          while (!synced) {
            synced = await journal.synced().then(
              () => true,
              () => events.next().then(() => false),
            )
          }
          const again = await openSubscriptions(directory, recordedEvents())
          assert.deepEqual(byTopic(again), model.records)
          await Promise.all([again.close(), journal.close()])
          for (const [index, told] of events.told.entries()) {
            assert.match(told, index % 2 === 0 ? /^failing: ENOSPC/ : /^recovered$/)
          }
        }),
      ),
      { numRuns: 100 },
    )
  })

  test('tells of a failure once, however often it tries, and once of its end', async () => {
    await inDirectory(async directory => {
      const disk = openDisk()
      const events = watchedEvents()
      const journal = await openSubscriptions(directory, events, { retryMs: 1, openFile: disk.open })
      await journal.written()
      disk.full = true
      journal.put(subscription(1))
      await assert.rejects(journal.written(), /writing fails: ENOSPC/)
      while (disk.failures < 5) await new Promise(setImmediate)
      await assert.rejects(journal.synced(), /writing fails: ENOSPC/)
      assert.deepEqual(events.told, ['failing: ENOSPC: no space left on device, write'])
      const recovered = events.next()
      disk.full = false
      await recovered
      assert.deepEqual(events.told, ['failing: ENOSPC: no space left on device, write', 'recovered'])
      await journal.written()
      assert.deepEqual(readdirSync(directory), ['subscriptions.journal'])
      await journal.close()
    })
  })

  test('tries once more when it is closed', async () => {
    await inDirectory(async directory => {
      const disk = openDisk()
      const journal = await openSubscriptions(directory, recordedEvents(), { retryMs: 1e6, openFile: disk.open })
      disk.full = true
      journal.put(subscription(1))
      await assert.rejects(journal.written())
      disk.full = false
      await journal.close()
      const again = await openSubscriptions(directory, recordedEvents())
      assert.deepEqual(again.all(), [subscription(1)])
      await again.close()
    })
  })

  test('opens although it can not be rewritten, and closes although nothing can be written', async () => {
    await inDirectory(async directory => {
      const first = await openSubscriptions(directory, recordedEvents())
      first.put(subscription(1))
      await first.close()
      mkdirSync(join(directory, 'subscriptions.journal.new'))
      const events = watchedEvents()
      const journal = await openSubscriptions(directory, events, { retryMs: 1 })
      await assert.rejects(journal.written(), /writing fails: EEXIST/)
      assert.deepEqual(journal.all(), [subscription(1)])
      const recovered = events.next()
      rmdirSync(join(directory, 'subscriptions.journal.new'))
      await recovered
      mkdirSync(join(directory, 'subscriptions.journal.new'))
      await journal.close()
      const broken = await openSubscriptions(directory, recordedEvents(), { retryMs: 1e6 })
      await broken.close()
      assert.match(readFileSync(join(directory, 'subscriptions.journal'), 'utf8'), /"put"/)
    })
  })

  test('keeps what was written when the operating system refuses the rest, and goes on when it fits again', async () => {
    await inDirectory(async directory => {
      const [code, printed] = await runLimited('limited-process.js', directory)
      assert.equal(code, 0)
      assert.match(printed, /^failing: EFBIG.*\nrejected\nrecovered\nwritten\n$/)
      const journal = await openSubscriptions(directory, recordedEvents())
      assert.deepEqual(journal.all(), [subscription(1), subscription(2, 77)])
      await journal.close()
    })
  })
})
