import assert from 'node:assert/strict'
import { cpSync, readdirSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Segment, segmentFileName } from '../../src/history/log/segment.ts'
import { SegmentedStore, type StoreSettings } from '../../src/history/segmented-store.ts'
import { messageOf } from '../../src/protocol/message.ts'
import { runLimited } from './limited.ts'
import { loggedBatch } from './log-arbitraries.ts'
import { framesFrom, openStore, toldEvents, wideSettings } from './log-directory.ts'
import { inDirectory } from './subscription-arbitraries.ts'

/** What becomes of a write: it waits for this, and fails if it rejects. Undefined: it is done at once. */
let beforeWrite: (() => Promise<void>) | undefined
let beforeSync: ((file: FileHandle) => Promise<void>) | undefined
/** The same of the directory, and of the header of a segment. */
let beforeDirectorySync: (() => Promise<void>) | undefined
let beforeHeader: (() => Promise<void>) | undefined
/** The same of closing a file, which is closed all the same. */
let afterClose: (() => Promise<void>) | undefined

// All files of this process are of this class, which Node does not export.
const handle = await open(process.execPath, 'r')
const prototype: FileHandle = Object.getPrototypeOf(handle)
// Closing is not of the class, but of what Node keeps in it.
const inner = Object.getOwnPropertySymbols(handle).find(({ description }) => description === 'kHandle') as symbol
const closing = Object.getPrototypeOf((handle as unknown as Record<symbol, object>)[inner]) as Pick<FileHandle, 'close'>
const { close } = closing
await handle.close()
const { writev, datasync, write, sync } = prototype
prototype.writev = async function (buffers, position) {
  await beforeWrite?.()
  return writev.call(this, buffers, position) as ReturnType<typeof writev<typeof buffers>>
}
prototype.datasync = async function () {
  await beforeSync?.(this)
  return datasync.apply(this)
}
prototype.write = async function (this: FileHandle, ...given: Parameters<typeof write>) {
  await beforeHeader?.()
  return write.apply(this, given)
} as typeof write
prototype.sync = async function () {
  await beforeDirectorySync?.()
  return sync.apply(this)
}
closing.close = async function () {
  await close.apply(this)
  await afterClose?.()
}
after(() => {
  Object.assign(prototype, { writev, datasync, write, sync })
  closing.close = close
})

const full = async () => {
  throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
}

/** A store, and a promise of the next thing that it tells. */
async function openWatched(directory: string, settings: Partial<StoreSettings>) {
  const { told, ...events } = toldEvents()
  let tell = () => {}
  const store = await SegmentedStore.open(
    directory,
    { ...wideSettings, retryMs: 1, ...settings },
    {
      ...events,
      failing(error) {
        events.failing(error)
        tell()
      },
      recovered(lost) {
        events.recovered(lost)
        tell()
      },
    },
  )
  const next = () => new Promise<void>(resolve => (tell = resolve))
  /** Appends a message of so many bytes. */
  const append = (bytes: number) => {
    store.append(loggedBatch([messageOf('indicator', String(store.next).padEnd(bytes - 10, '.'))], store.next))
  }
  return { store, told, next, append }
}

/** The bytes of a file from there on are gone: what a system may do with those that it could not put on disk. */
async function letGo(file: FileHandle, from: number): Promise<void> {
  const { size } = await file.stat()
  if (size > from) await writev.call(file, [Buffer.alloc(size - from)], from)
}

const numbersOf = async (store: SegmentedStore) => [...(await framesFrom(store)).keys()]

describe('on a disk that fails, the messages', () => {
  test('are kept as far as they may be, the newest of them, and are written when it works again', async () => {
    await inDirectory(async directory => {
      const { store, told, next, append } = await openWatched(directory, { maxUnwrittenBytes: 1000 })
      append(100)
      await store.committed()
      beforeWrite = full
      append(100)
      await assert.rejects(store.committed(), /ENOSPC/)
      assert.ok(store.isFailing)
      for (let count = 0; count < 30; count++) {
        append(100)
        assert.ok(store.unwrittenBytes <= 1000)
        await assert.rejects(store.committed(), /ENOSPC/)
        await new Promise(setImmediate)
      }
      assert.equal(store.unwrittenBytes, 1000)
      assert.deepEqual(await numbersOf(store), [1])
      assert.deepEqual(told, ['failing: ENOSPC: no space left on device, write'])
      const recovered = next()
      beforeWrite = undefined
      await recovered
      assert.deepEqual(told.slice(1), ['recovered: 21 lost'])
      await store.committed()
      const expected = [1, ...Array.from({ length: 10 }, (_, index) => 23 + index)]
      assert.deepEqual(await numbersOf(store), expected)
      assert.deepEqual([store.next, store.readable, store.unwrittenBytes], [33, 33, 0])
      await store.close()
      const again = await openStore(directory)
      assert.deepEqual(await numbersOf(again.store), expected)
      assert.equal(again.store.next, 33)
      await again.store.close()
    })
  })

  test('that are being written are not given up meanwhile', async () => {
    await inDirectory(async directory => {
      const { store, told, next, append } = await openWatched(directory, { maxUnwrittenBytes: 1000 })
      const failing = next()
      beforeWrite = full
      for (let count = 0; count < 5; count++) append(100)
      await failing
      // The next attempt works, and takes its time.
      let goOn = () => {}
      const recovered = next()
      await new Promise<void>(resolve => {
        beforeWrite = () => {
          resolve()
          return new Promise(done => {
            goOn = done
          })
        }
      })
      beforeWrite = undefined
      for (let count = 0; count < 10; count++) append(100)
      assert.equal(store.unwrittenBytes, 1000)
      assert.equal(store.readable, 1)
      goOn()
      await recovered
      await store.committed()
      assert.deepEqual(told.slice(1), ['recovered: 5 lost'])
      // The five that were being written, and of those that came meanwhile the last five.
      assert.deepEqual(await numbersOf(store), [1, 2, 3, 4, 5, 11, 12, 13, 14, 15])
      assert.deepEqual([store.readable, store.unwrittenBytes], [16, 0])
      await store.close()
    })
  })

  test('have no file left of segments that could not be begun, under whichever name', async () => {
    await inDirectory(async directory => {
      const { store, told, next, append } = await openWatched(directory, { segmentBytes: 1, maxUnwrittenBytes: 300 })
      append(100)
      await store.committed()
      let attempts = 0
      beforeHeader = () => {
        attempts++
        return full()
      }
      // With each that is given up, the next attempt is to begin with another one.
      for (let count = 0; count < 20; count++) {
        append(100)
        const before = attempts
        while (attempts === before) await new Promise(setImmediate)
      }
      const recovered = next()
      beforeHeader = undefined
      await recovered
      await store.committed()
      assert.deepEqual(told, ['failing: ENOSPC: no space left on device, write', 'recovered: 17 lost'])
      await store.close()
      assert.deepEqual(readdirSync(directory).sort(), [segmentFileName(1), segmentFileName(19)])
      const again = await openStore(directory)
      assert.deepEqual(again.told, [])
      assert.deepEqual(await numbersOf(again.store), [1, 19, 20, 21])
      await again.store.close()
    })
  })

  test('that are too large for what may be kept are tried all the same, and nothing runs hot', async () => {
    await inDirectory(async directory => {
      const { store, told, next, append } = await openWatched(directory, { maxUnwrittenBytes: 1000 })
      let failing = next()
      let attempts = 0
      beforeWrite = () => {
        attempts++
        return full()
      }
      append(5000)
      await failing
      while (attempts < 5) await new Promise(setImmediate)
      assert.deepEqual(told, ['failing: ENOSPC: no space left on device, write'])
      append(6000)
      assert.equal(store.unwrittenBytes, 6000)
      failing = next()
      beforeWrite = undefined
      await failing
      assert.deepEqual(told.slice(1), ['recovered: 1 lost'])
      await store.committed()
      assert.deepEqual(await numbersOf(store), [2])
      await store.close()
    })
  })

  test('are not tried more often because more of them come', async () => {
    await inDirectory(async directory => {
      const { store, append, next } = await openWatched(directory, { retryMs: 1e6 })
      let attempts = 0
      const failing = next()
      beforeWrite = () => {
        attempts++
        return full()
      }
      append(300_000)
      await failing
      for (let count = 0; count < 20; count++) {
        append(300_000)
        await new Promise(setImmediate)
      }
      assert.equal(attempts, 1)
      beforeWrite = undefined
      await store.close()
      const again = await openStore(directory)
      assert.equal((await numbersOf(again.store)).length, 21)
      await again.store.close()
    })
  })

  test('are tried once more when it is closed while they could not be written', async () => {
    await inDirectory(async directory => {
      const { store, append, next } = await openWatched(directory, { retryMs: 1e6 })
      const failing = next()
      beforeWrite = full
      append(100)
      await failing
      beforeWrite = undefined
      await store.close()
      const again = await openStore(directory)
      assert.deepEqual(await numbersOf(again.store), [1])
      await again.store.close()
    })
  })

  test('that are not surely on disk are not acknowledged, and nothing is written behind them', async () => {
    await inDirectory(async directory => {
      // Each message fills a segment: the next one begins with putting it on disk.
      const { store, told, next, append } = await openWatched(directory, { segmentBytes: 1 })
      append(100)
      await store.committed()
      append(100)
      await store.written()
      let attempts = 0
      beforeSync = () => {
        attempts++
        return full()
      }
      append(100)
      await assert.rejects(store.committed(), /ENOSPC/)
      const recovered = next()
      beforeSync = undefined
      await recovered
      await store.committed()
      assert.equal(attempts, 1)
      assert.deepEqual(told, ['failing: ENOSPC: no space left on device, write', 'recovered: 0 lost'])
      assert.deepEqual(await numbersOf(store), [1, 2, 3])
      await store.close()
    })
  })

  for (const segmentBytes of [1, 1e6]) {
    const what = segmentBytes === 1 ? 'a new segment' : 'one that has some'
    test(`are acknowledged after a sync of ${what} failed only once they are written anew`, async () => {
      await inDirectory(async directory => {
        const { store, told, next, append } = await openWatched(directory, { segmentBytes })
        append(100)
        await store.committed()
        let failed: FileHandle | undefined
        let syncs = 0
        beforeSync = async file => {
          // Before a new segment is begun the one before it is put on disk.
          if (++syncs < (segmentBytes === 1 ? 2 : 1)) return
          beforeSync = undefined
          failed = file
          await full()
        }
        append(100)
        const failing = next()
        await assert.rejects(store.committed(), /ENOSPC/)
        await failing
        if (store.isFailing) await next()
        await store.committed()
        // Nothing more was appended, and what could not be put on disk goes now.
        assert.ok(failed)
        if (failed.fd >= 0) await letGo(failed, 32 + 163)
        assert.deepEqual(told, ['failing: ENOSPC: no space left on device, write', 'recovered: 0 lost'])
        await store.close()
        const again = await openStore(directory)
        assert.deepEqual(await numbersOf(again.store), [1, 2])
        await again.store.close()
      })
    })
  }

  test('that the system let go of when it could not put them on disk are told as lost, and no others', async () => {
    await inDirectory(async directory => {
      const { store, told, next, append } = await openWatched(directory, { segmentBytes: 1000 })
      // The first segment is full with these, which are on disk when the next one begins.
      for (let count = 0; count < 7; count++) append(100)
      await store.written()
      for (let count = 0; count < 3; count++) {
        append(100)
        await store.written()
      }
      beforeSync = async file => {
        beforeSync = undefined
        // The segment's header and its first record are still there.
        await letGo(file, 32 + 163)
        await full()
      }
      const failing = next()
      await assert.rejects(store.committed(), /ENOSPC/)
      await failing
      if (store.isFailing) await next()
      assert.deepEqual(told, ['failing: ENOSPC: no space left on device, write', 'recovered: 2 lost'])
      await store.committed()
      append(100)
      await store.committed()
      assert.deepEqual(await numbersOf(store), [1, 2, 3, 4, 5, 6, 7, 8, 11])
      await store.close()
    })
  })

  test('are acknowledged only once the name of their file is on disk', async () => {
    await inDirectory(async directory => {
      const { store, next, append } = await openWatched(directory, {})
      let named = 0
      beforeDirectorySync = async () => {
        if (named++ < 3) await full()
      }
      append(100)
      const failing = next()
      await assert.rejects(store.committed(), /ENOSPC/)
      await failing
      if (store.isFailing) await next()
      await store.committed()
      beforeDirectorySync = undefined
      assert.equal(named, 4)
      assert.deepEqual(readdirSync(directory), [segmentFileName(1)])
      assert.deepEqual(await numbersOf(store), [1])
      await store.close()
    })
  })

  test('that a killed process left are on disk once the log is opened', async () => {
    await inDirectory(async directory => {
      const { store, append } = await openWatched(directory, {})
      append(100)
      await store.written()
      const copy = join(directory, 'copy')
      cpSync(join(directory, segmentFileName(1)), join(copy, segmentFileName(1)))
      let synced = ''
      beforeSync = async () => {
        synced += 'file '
      }
      beforeDirectorySync = async () => {
        synced += 'directory'
      }
      const again = await openStore(copy)
      beforeSync = beforeDirectorySync = undefined
      assert.equal(synced, 'file directory')
      await again.store.committed()
      assert.deepEqual(await numbersOf(again.store), [1])
      await again.store.close()
      await store.close()
    })
  })

  test('that wait for a disk which takes its time are put there together', async () => {
    await inDirectory(async directory => {
      const { store, append } = await openWatched(directory, {})
      let syncs = 0
      beforeSync = async () => {
        syncs++
        await sleep(200)
      }
      // Of each it is written as much at once as may be.
      const committed = Array.from({ length: 12 }, () => {
        append(1_100_000)
        return store.committed()
      })
      await Promise.all(committed)
      beforeSync = undefined
      assert.ok(syncs <= 6, `${syncs} syncs`)
      await store.close()
    })
  })

  test('that were acknowledged are there whenever it fails, all others that were not given up, too', async () => {
    for (let round = 0; round < 20; round++) {
      await inDirectory(async directory => {
        const { store, told, append, next } = await openWatched(directory, {
          maxUnwrittenBytes: 2000,
          segmentBytes: 3000,
        })
        const acknowledged: number[] = []
        const waiting: Promise<void>[] = []
        let turn = round
        beforeWrite = async () => ((turn++ * 7) % 5 < 2 ? full() : undefined)
        beforeSync = async () => ((turn++ * 3) % 11 < 2 ? full() : undefined)
        for (let number = 1; number <= 200; number++) {
          append(100)
          waiting.push(
            store.committed().then(
              () => void acknowledged.push(number),
              () => {},
            ),
          )
          if (number % 3 === 0) await new Promise(setImmediate)
        }
        const recovered = next()
        beforeWrite = beforeSync = undefined
        if (store.isFailing) await recovered
        await store.committed()
        await Promise.all(waiting)
        const lost = told.reduce((sum, line) => sum + Number(/recovered: (\d+)/.exec(line)?.[1] ?? 0), 0)
        const numbers = await numbersOf(store)
        assert.equal(numbers.length + lost, 200)
        const known = new Set(numbers)
        assert.deepEqual(
          acknowledged.filter(number => !known.has(number)),
          [],
        )
        for (const [index, line] of told.entries()) assert.match(line, index % 2 === 0 ? /^failing/ : /^recovered/)
        await store.close()
        const again = await openStore(directory)
        assert.deepEqual(await numbersOf(again.store), numbers)
        assert.deepEqual(again.told, [])
        await again.store.close()
      })
    }
  })

  test('go with their segment, though its file fails to be closed', async () => {
    await inDirectory(async directory => {
      const segment = await Segment.create(join(directory, segmentFileName(1)), 1)
      await segment.enter()
      afterClose = async () => {
        throw Object.assign(new Error('EIO: i/o error, close'), { code: 'EIO' })
      }
      try {
        await segment.retire()
      } finally {
        afterClose = undefined
      }
      assert.ok(!segment.acquire())
    })
  })

  test('are cut off where the operating system refused the rest', async () => {
    await inDirectory(async directory => {
      const [code, printed] = await runLimited('limited-store-process.js', directory)
      assert.equal(code, 0)
      const [, acknowledged = '', next = '', lost = ''] =
        /^failing: EFBIG.*\nacknowledged (\d+) of (\d+)\nrecovered: (\d+) lost\nwritten\n$/.exec(printed) ?? [printed]
      assert.ok(Number(acknowledged) > 0, printed)
      const { store, told } = await openStore(directory)
      const numbers = await numbersOf(store)
      const first = Array.from({ length: Number(acknowledged) }, (_, index) => index + 1)
      assert.deepEqual(numbers.slice(0, first.length), first)
      assert.equal(numbers.length, Number(next) - Number(lost))
      assert.equal(store.next, Number(next) + 1)
      assert.deepEqual(told, [])
      await store.close()
    })
  })
})
