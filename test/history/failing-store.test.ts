import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { segmentFileName } from '../../src/history/segment.ts'
import { SegmentedStore, type StoreSettings } from '../../src/history/segmented-store.ts'
import { messageOf } from '../../src/protocol/message.ts'
import { loggedBatch } from './log-arbitraries.ts'
import { framesFrom, openStore, toldEvents, wideSettings } from './log-directory.ts'
import { inDirectory } from './subscription-arbitraries.ts'

/** What becomes of a write: it waits for this, and fails if it rejects. Undefined: it is done at once. */
let beforeWrite: (() => Promise<void>) | undefined
let beforeSync: (() => Promise<void>) | undefined
/** The same of the header of a segment. */
let beforeHeader: (() => Promise<void>) | undefined

// All files of this process are of this class, which Node does not export.
const handle = await open(process.execPath, 'r')
const prototype: FileHandle = Object.getPrototypeOf(handle)
await handle.close()
const { writev, datasync, write } = prototype
prototype.writev = async function (buffers, position) {
  await beforeWrite?.()
  return writev.call(this, buffers, position) as ReturnType<typeof writev<typeof buffers>>
}
prototype.datasync = async function () {
  await beforeSync?.()
  return datasync.apply(this)
}
prototype.write = async function (this: FileHandle, ...given: Parameters<typeof write>) {
  await beforeHeader?.()
  return write.apply(this, given)
} as typeof write
after(() => Object.assign(prototype, { writev, datasync, write }))

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

  test('are cut off where the operating system refused the rest', async () => {
    await inDirectory(async directory => {
      const script = join(import.meta.dirname, 'limited-store-process.js')
      // 64 blocks of 512 or 1024 bytes, as the shell counts them: a segment can't become larger.
      const child = spawn('/bin/sh', ['-c', 'ulimit -f 64; exec "$0" "$@"', process.execPath, script, directory], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      let printed = ''
      child.stdout.setEncoding('utf8').on('data', text => {
        printed += text
      })
      const [code] = await once(child, 'close')
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
